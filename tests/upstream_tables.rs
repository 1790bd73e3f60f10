//! The cases of upstream's own unit tests, as scenarios: what berth answers, and what the oracle does.
//!
//! The format of `data/upstream_tables` is described in `support/upstream_table.rs`.

mod support;

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use support::compare::{Comparison, compare};
use support::evaluate::evaluate_with;
use support::oracle::Oracle;
use support::upstream_table::{Row, tables};

#[test]
fn every_row_is_answered_as_upstream_does() -> Result<()> {
    let mut result = Comparison::default();
    for (gates, rows) in by_gates(&rows()?) {
        let lines: Vec<String> = rows.iter().map(|row| row.scenario.to_string()).collect();
        let (answers, status) = evaluate_with(&flags("--feature-gates", gates), &lines)?;
        ensure!(status.success(), "berth answered every line and ended with {status}");
        for (row, answer) in rows.iter().zip(&answers) {
            result.add(compare(&row.expected, answer));
        }
    }
    ensure!(result.is_equal(), "{result}");
    Ok(())
}

#[test]
fn the_oracle_answers_every_row_so() -> Result<()> {
    let mut result = Comparison::default();
    for (gates, rows) in by_gates(&rows()?) {
        let flags = flags("-feature-gates", gates);
        let Some(mut oracle) = Oracle::start_with("the_oracle_answers_every_row_so", &flags) else {
            return Ok(());
        };
        for row in rows {
            let answer = oracle.ask(&row.scenario);
            // Of the outcomes of preemption it takes one by chance: the recorded ones have to be among them.
            result.add(compare(&row.expected, &answer));
        }
    }
    ensure!(result.is_equal(), "{result}");
    Ok(())
}

#[test]
fn every_case_of_upstream_is_a_row_or_has_a_reason() -> Result<()> {
    let tables = tables()?;
    ensure!(!tables.is_empty(), "there are tables");
    tables.iter().try_for_each(support::upstream_table::Table::check_cases)
}

fn rows() -> Result<Vec<Row>> {
    Ok(tables()?.into_iter().flat_map(|table| table.rows).collect())
}

/// The rows of each set of gates: a program has one.
fn by_gates(rows: &[Row]) -> BTreeMap<&str, Vec<&Row>> {
    let mut sets: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        sets.entry(&row.gates).or_default().push(row);
    }
    sets
}

fn flags(flag: &str, gates: &str) -> Vec<String> {
    if gates.is_empty() { Vec::new() } else { vec![flag.to_owned(), gates.to_owned()] }
}
