//! The directories that were done with before all of their URLs were asked for.

use maud::{Markup, html};

use super::{Receipt, parts::table};

/// A section, if there are any.
pub(super) fn section(receipt: &Receipt) -> Option<Markup> {
    let rows = receipt.retired.iter().map(|(directory, why)| (directory.clone(), vec![why.to_string()]));
    (!receipt.retired.is_empty()).then(|| {
        html! {
            section aria-labelledby="left-alone" {
                h2 #left-alone { "Left alone" }
                p.faint { "What was left in these directories was refused, each URL with its record." }
                (table("Directories that were done with early", &["Directory", "Reason"], rows))
            }
        }
    })
}
