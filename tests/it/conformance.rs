//! Published cases, answered by the built binary (`dragline inspect … --batch`).
//!
//! Each subject has its data in `tests/conformance/<subject>/`, with a README that says where it
//! comes from and under which licence, and a list of expected failures that argues each line. A
//! case that is listed and passes fails the test as well: the list never outlives its reasons.

mod cache;
mod charset;
mod guard;
mod html;
mod robots;
mod sitemap;
mod url;

use std::{
    io::Write,
    process::{Command, Stdio},
};

use serde_json::Value;

/// Asks `dragline inspect <subject> --batch` all questions; the answers, in order.
pub(crate) fn inspect(subject: &str, questions: &[Value]) -> Vec<Value> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dragline"))
        .args(["inspect", subject, "--batch"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("piped");
    let lines = questions.iter().fold(String::new(), |text, question| text + &question.to_string() + "\n");
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic").expect("it reads all of its input");
    let answers = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    let answers: Vec<Value> = answers.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!(answers.len(), questions.len(), "every question has its answer");
    answers
}
