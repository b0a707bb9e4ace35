//! stub
/// stub
pub struct Lease;
/// stub
pub struct Task;
/// stub
pub struct Workbench;
