//! The numbers of protobuf fields, compared with those of Kubernetes itself.

mod support;

use std::process::Command;

use anyhow::{Result, ensure};

const MESSAGES: &str = include_str!("../src/apiserver/protobuf/messages.txt");

#[test]
fn the_numbers_are_those_of_upstream() -> Result<()> {
    let program = support::upstream::binary("wire");
    let test = "the_numbers_are_those_of_upstream";
    let Some(program) = support::require(test, "wire", program) else { return Ok(()) };
    let output = Command::new(program).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    ensure!(
        String::from_utf8(output.stdout)? == MESSAGES,
        "tests/upstream/wire prints another src/apiserver/protobuf/messages.txt"
    );
    Ok(())
}
