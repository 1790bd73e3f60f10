//! A report as a picture: how many pods were placed by when, and bars for the figures. Written by `cli`
//! (`--chart`).

use std::fmt::Write as _;

use super::report::{Contest, Report, Rows};

/// Pixels.
const WIDTH: f64 = 760.0;
const MARGIN: f64 = 56.0;
const PLOT_HEIGHT: f64 = 260.0;
const BAR_HEIGHT: f64 = 16.0;
const NAME_WIDTH: f64 = 190.0;
/// Room behind a bar for its number.
const NUMBER_WIDTH: f64 = 70.0;

/// One a scheduler, in turn; they differ for the colour-blind, too.
const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];

/// A group of bars: its name, and the figure.
type Bars = (&'static str, fn(&Rows) -> Option<f64>);

const BARS: [Bars; 5] = [
    ("pods per second", |rows| rows.pods_per_second),
    ("creation to bound, p50 ms", |rows| Some(rows.created_to_bound_ms?.p50)),
    ("creation to bound, p99 ms", |rows| Some(rows.created_to_bound_ms?.p99)),
    ("CPU ms per pod", |rows| rows.cpu_ms_per_pod),
    ("memory, peak MB", |rows| rows.peak_mb),
];

impl Report {
    /// The report as an SVG document.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut out = String::new();
        // A String takes all, here and below.
        let _ = self.draw(&mut out);
        out
    }

    fn draw(&self, out: &mut String) -> std::fmt::Result {
        let bars = BARS
            .iter()
            .filter(|(_, get)| self.schedulers.iter().any(|one| get(&one.median).is_some()));
        let bars: Vec<_> = bars.collect();
        let rows = self.schedulers.iter().fold(0.0, |count, _| count + 1.0);
        let group = BAR_HEIGHT * (rows + 0.75);
        let top = 3.0 * MARGIN + PLOT_HEIGHT;
        let height = bars.iter().fold(top, |height, _| height + group) + MARGIN / 2.0;
        writeln!(
            out,
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">"#
        )?;
        writeln!(out, r#"<rect width="{WIDTH}" height="{height}" fill="white"/>"#)?;
        let (title, about) = (escaped(&self.workload), escaped(&self.about));
        writeln!(out, r#"<text x="{MARGIN}" y="20" font-size="15">{title}</text>"#)?;
        writeln!(out, r##"<text x="{MARGIN}" y="38" fill="#555">{about}</text>"##)?;
        self.legend(out)?;
        self.curves(out)?;
        for (at, (name, get)) in bars.iter().enumerate() {
            let y = (0..at).fold(top, |y, _| y + group);
            self.bars(out, name, *get, y)?;
        }
        writeln!(out, "</svg>")
    }

    fn legend(&self, out: &mut String) -> std::fmt::Result {
        let mut x = MARGIN;
        for (contest, colour) in self.schedulers.iter().zip(COLOURS) {
            writeln!(out, r#"<rect x="{x}" y="50" width="12" height="12" fill="{colour}"/>"#)?;
            let (name, at) = (escaped(&contest.name), x + 18.0);
            writeln!(out, r#"<text x="{at}" y="60">{name}</text>"#)?;
            x += NAME_WIDTH;
        }
        Ok(())
    }

    /// Pods that were placed over time, of every run.
    #[expect(clippy::cast_precision_loss, reason = "a pixel is coarser")]
    fn curves(&self, out: &mut String) -> std::fmt::Result {
        let points = || self.schedulers.iter().flat_map(|one| &one.runs).flat_map(|run| &run.curve);
        let seconds = points().map(|point| point.0).fold(0.001, f64::max);
        let pods = points().map(|point| point.1).max().unwrap_or(1) as f64;
        let (left, top, bottom) = (MARGIN, 1.5 * MARGIN, 1.5 * MARGIN + PLOT_HEIGHT);
        let width = WIDTH - 2.0 * MARGIN;
        let place = |at: f64, count: f64| {
            (left + width * at / seconds, bottom - PLOT_HEIGHT * count / pods)
        };
        writeln!(
            out,
            r##"<path d="M{left} {top}V{bottom}H{}" fill="none" stroke="#888"/>"##,
            left + width
        )?;
        for part in [0.0, 0.25, 0.5, 0.75, 1.0] {
            let (x, y) = place(part * seconds, part * pods);
            let (under, beside) = (bottom + 16.0, left - 6.0);
            writeln!(
                out,
                r#"<text x="{x:.1}" y="{under}" text-anchor="middle">{:.1} s</text>"#,
                part * seconds
            )?;
            writeln!(
                out,
                r#"<text x="{beside}" y="{:.1}" text-anchor="end">{:.0}</text>"#,
                y + 4.0,
                part * pods
            )?;
        }
        for (contest, colour) in self.schedulers.iter().zip(COLOURS) {
            for run in &contest.runs {
                let (x, y) = place(0.0, 0.0);
                write!(
                    out,
                    r#"<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{x:.1},{y:.1}"#
                )?;
                for &(at, count) in &run.curve {
                    let (x, y) = place(at, count as f64);
                    write!(out, " {x:.1},{y:.1}")?;
                }
                writeln!(out, r#""/>"#)?;
            }
        }
        let (x, y) = (left + 6.0, top + 4.0);
        writeln!(out, r##"<text x="{x}" y="{y}" fill="#555">pods placed</text>"##)
    }

    /// The medians of one figure.
    fn bars(
        &self,
        out: &mut String,
        name: &str,
        get: fn(&Rows) -> Option<f64>,
        y: f64,
    ) -> std::fmt::Result {
        let of = |contest: &Contest| get(&contest.median);
        let most = self.schedulers.iter().filter_map(of).fold(f64::MIN_POSITIVE, f64::max);
        let room = WIDTH - NAME_WIDTH - NUMBER_WIDTH - MARGIN;
        let left = NAME_WIDTH + MARGIN / 2.0;
        writeln!(out, r#"<text x="{MARGIN}" y="{}" >{name}</text>"#, y + 12.0)?;
        let mut y = y;
        for (contest, colour) in self.schedulers.iter().zip(COLOURS) {
            if let Some(figure) = of(contest) {
                let width = room * figure / most;
                let (thick, number, base) = (BAR_HEIGHT - 3.0, left + width + 6.0, y + 11.0);
                writeln!(
                    out,
                    r#"<rect x="{left}" y="{y}" width="{width:.1}" height="{thick}" fill="{colour}"/>"#
                )?;
                let shown = super::report::shown(Some(figure));
                writeln!(out, r#"<text x="{number:.1}" y="{base}">{shown}</text>"#)?;
            }
            y += BAR_HEIGHT;
        }
        Ok(())
    }
}

/// A text as XML has it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::report::Figures;
    use super::*;

    #[test]
    fn a_chart_has_a_line_a_run_and_a_bar_a_figure() {
        let run = |end: u64| {
            let times = [(1, end / 2), (1, end)];
            Figures::new(0, &times, None, Some(Duration::from_millis(3)), None, None)
        };
        let first = Contest::new("a<b".into(), vec![run(1_000_000_000), run(2_000_000_000)], None);
        let second = Contest::new("c".into(), vec![run(4_000_000_000)], Some(&first.median));
        let report = Report {
            workload: "basic/s".into(),
            about: "pods & nodes".into(),
            size: [("pods".to_owned(), 2)].into(),
            rate: None,
            server: "embedded".into(),
            schedulers: vec![first, second],
        };
        let svg = report.svg();
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
        assert_eq!(svg.matches("<polyline").count(), 3);
        assert!(svg.contains("a&lt;b") && svg.contains("pods &amp; nodes"), "{svg}");
        // Pods a second, p50, p99 and CPU of both; the ground and two of the legend.
        assert_eq!(svg.matches("<rect").count(), 8 + 3);
    }
}
