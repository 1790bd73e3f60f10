//! Shows placements as they happen: on a terminal a table that is drawn anew, elsewhere a line each.

use std::collections::VecDeque;
use std::io::Write;

use console::Term;

use super::picture::{News, Picture};
use super::summary::{NODES_MAX, counts, nodes};

/// The last news that stand below the table.
const NEWS_LINES: usize = 5;
/// Lines of the table that are not nodes or news: counts, the heading, blank ones, "and more".
const OTHER_LINES: usize = 6;

/// Where it is shown.
pub(super) enum Show {
    /// Line by line.
    Lines,
    /// Over and over at the same place.
    Table {
        /// The terminal.
        term: Term,
        /// Lines drawn last.
        drawn: usize,
        /// The latest news, oldest first.
        news: VecDeque<String>,
    },
    /// Not at all.
    Nothing,
}

impl Show {
    /// A table where standard output is a terminal, lines elsewhere.
    pub(super) fn on_stdout(quiet: bool) -> Self {
        let term = Term::stdout();
        if quiet {
            Self::Nothing
        } else if term.is_term() {
            Self::Table { term, drawn: 0, news: VecDeque::new() }
        } else {
            Self::Lines
        }
    }

    /// Something has happened. Whoever reads may have gone; that is no reason to end.
    pub(super) fn news(&mut self, news: &News) {
        let Some(line) = line(news) else { return };
        match self {
            Self::Nothing => {}
            Self::Lines => drop(writeln!(std::io::stdout(), "{line}")),
            Self::Table { news, .. } => {
                if news.len() == NEWS_LINES {
                    news.pop_front();
                }
                news.push_back(line);
            }
        }
    }

    /// Draws the table, where there is one.
    pub(super) fn draw(&mut self, picture: &Picture) {
        let Self::Table { term, drawn, news } = self else { return };
        let (rows, columns) = term.size();
        let room = usize::from(rows).saturating_sub(NEWS_LINES + OTHER_LINES);
        let mut text = format!("{}\n\n", counts(&picture.counts()));
        text.push_str(&nodes(picture, room.clamp(1, NODES_MAX)));
        text.push('\n');
        for line in news.iter() {
            text.push_str(line);
            text.push('\n');
        }
        let cut = |line: &str| console::truncate_str(line, usize::from(columns), "…").into_owned();
        let lines: Vec<_> = text.lines().map(cut).collect();
        drop(term.clear_last_lines(*drawn));
        drop(term.write_line(&lines.join("\n")));
        *drawn = lines.len();
    }

    /// Takes the table away, so that something else can stand there.
    pub(super) fn clear(&mut self) {
        if let Self::Table { term, drawn, .. } = self {
            drop(term.clear_last_lines(*drawn));
            *drawn = 0;
        }
    }
}

fn line(news: &News) -> Option<String> {
    Some(match news {
        News::Placed { pod, node } => format!("placed         {pod} on {node}"),
        News::Unschedulable { pod, message } => format!("unschedulable  {pod}: {message}"),
        News::Gone { .. } => return None,
    })
}
