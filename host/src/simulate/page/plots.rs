//! The two plots, as SVG in the page: scores and tiers over time. Colours are classes, so that the style says
//! them for light and dark; what a plot shows is also in a title for whoever does not see it.

use super::super::report::{BINS, Bin, Sums};
use super::markup::{number, put, text};

const WIDTH: f64 = 760.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 34.0;
/// Classes of colours for tiers in the style.
const COLOURS: usize = 8;
/// Columns of a plot over time; of more days several share one.
const COLUMNS_MAX: usize = 92;

/// Events by score on both sides, on a logarithmic scale: most events score nothing.
pub(super) fn scores(bins: &[Bin], compared: bool, after: &Sums) -> String {
    let height = 270.0;
    let most = bins.iter().map(|bin| bin.before.max(bin.after)).max().unwrap_or(0).max(1);
    let decades = (most as f64).log10().floor() + 1.0;
    let floor = height - BOTTOM;
    let y = |count: u64| match count {
        0 => floor,
        // One event is to be seen too.
        count => floor - (floor - TOP) * ((count as f64).log10() + 0.25) / (decades + 0.25),
    };
    let inner = WIDTH - LEFT - RIGHT;
    let x = |score: f64| LEFT + inner * score;
    let mut out = open("plot-scores", height, "Events by score", &scores_told(bins, compared));
    for decade in 0..=(decades as u32) {
        let count = 10_u64.pow(decade);
        grid(&mut out, y(count), &number(count));
    }
    let width = inner / BINS as f64;
    for (at, bin) in bins.iter().enumerate() {
        let from = x(at as f64 / BINS as f64);
        let sides: &[(u64, &str)] = match compared {
            true => &[(bin.before, "before"), (bin.after, "after")],
            false => &[(bin.after, "after")],
        };
        let each = (width - 3.0) / sides.len() as f64;
        for (side, (count, class)) in sides.iter().enumerate().filter(|(_, (count, _))| *count > 0)
        {
            let left = from + 1.5 + each * side as f64;
            bar(&mut out, left, y(*count), each, floor - y(*count), class);
        }
    }
    for tenth in 0..=5 {
        let score = f64::from(tenth) / 5.0;
        put(
            &mut out,
            format_args!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{score:.1}</text>",
                x(score),
                floor + 16.0
            ),
        );
    }
    for (at, line) in after.tiers.iter().enumerate() {
        let Some(from) = line.from.filter(|_| at > 0) else { continue };
        let left = x(from.as_f64());
        put(
            &mut out,
            format_args!(
                "<line class=\"bound\" x1=\"{left:.1}\" x2=\"{left:.1}\" y1=\"{TOP}\" y2=\"{floor:.1}\"/>\
             <text x=\"{left:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                TOP - 8.0,
                text(&line.tier)
            ),
        );
    }
    out.push_str("</svg>");
    let legend = [("before", "before"), ("after", "candidate")];
    format!("{}{out}", legend_of(if compared { &legend[..] } else { &[] }))
}

/// What the plot of scores shows, in words.
fn scores_told(bins: &[Bin], compared: bool) -> String {
    let above = |count: fn(&Bin) -> u64| bins[BINS / 2..].iter().map(count).sum::<u64>();
    let after = number(above(|bin| bin.after));
    match compared {
        true => format!(
            "{} events score 0.5 or more before, and {after} by the candidate",
            number(above(|bin| bin.before))
        ),
        false => format!("{after} events score 0.5 or more"),
    }
}

/// Events above the first tier, stacked, by day. `id` is of this plot alone.
pub(super) fn tiers(
    id: &str,
    title: &str,
    columns: &[(String, Vec<u64>)],
    sums: &Sums,
    most: u64,
) -> String {
    let height = 190.0;
    let floor = height - BOTTOM;
    let top = 14.0;
    let most = most.max(1) as f64;
    let mut told = Vec::new();
    for line in sums.tiers.iter().skip(1) {
        told.push(format!("{} {}", line.tier, number(line.events)));
    }
    let mut out = open(id, height, title, &format!("In all: {}", told.join(", ")));
    for part in [0.0, 0.5, 1.0] {
        let count = (most * part).round();
        let y = floor - (floor - top) * count / most;
        grid(&mut out, y, &number(count as u64));
    }
    let width = (WIDTH - LEFT - RIGHT) / columns.len().max(1) as f64;
    let gap = (width * 0.15).min(3.0);
    for (at, (_, tiers)) in columns.iter().enumerate() {
        let mut y = floor;
        for (tier, count) in tiers.iter().enumerate().skip(1).filter(|(_, count)| **count > 0) {
            let tall = (floor - top) * *count as f64 / most;
            y -= tall;
            let class = format!("t{}", tier.min(COLOURS - 1));
            bar(
                &mut out,
                LEFT + width * at as f64 + gap / 2.0,
                y,
                (width - gap).min(60.0),
                tall,
                &class,
            );
        }
    }
    // As many names as there is room for.
    let step = columns.len().div_ceil(8).max(1);
    for (at, (name, _)) in columns.iter().enumerate().step_by(step) {
        let x = LEFT + width * at as f64 + (width - gap).min(60.0) / 2.0;
        put(
            &mut out,
            format_args!(
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                floor + 16.0,
                text(name)
            ),
        );
    }
    out.push_str("</svg>");
    out
}

/// Days, or as many of them together as fit into a plot; each with its sums, the longest run of days first.
pub(super) fn columns(days: &[(String, Vec<u64>)]) -> (usize, Vec<(String, Vec<u64>)>) {
    let together = days.len().div_ceil(COLUMNS_MAX).max(1);
    let column = |days: &[(String, Vec<u64>)]| {
        let name = days.first().map(|(day, _)| day.clone()).unwrap_or_default();
        let mut sums = vec![0; days.iter().map(|(_, tiers)| tiers.len()).max().unwrap_or(0)];
        for (_, tiers) in days {
            sums.iter_mut().zip(tiers).for_each(|(sum, count)| *sum += count);
        }
        (name, sums)
    };
    (together, days.chunks(together).map(column).collect())
}

/// The names of the colours of tiers.
pub(super) fn tiers_legend(sums: &Sums) -> String {
    let classes: Vec<(String, &str)> = (sums.tiers.iter().enumerate().skip(1))
        .map(|(at, line)| (format!("t{}", at.min(COLOURS - 1)), line.tier.as_str()))
        .collect();
    let named: Vec<(&str, &str)> =
        classes.iter().map(|(class, name)| (class.as_str(), *name)).collect();
    legend_of(&named)
}

fn legend_of(entries: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (class, name) in entries {
        put(
            &mut out,
            format_args!(
                "<span class=\"key\"><svg viewBox=\"0 0 12 12\" aria-hidden=\"true\"><rect class=\"{class}\" \
             width=\"12\" height=\"12\" rx=\"2\"/></svg> {}</span>",
                text(name)
            ),
        );
    }
    match out.is_empty() {
        true => out,
        false => format!("<p class=\"keys\">{out}</p>"),
    }
}

fn open(id: &str, height: f64, title: &str, told: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"{id}-title {id}-told\">\
         <title id=\"{id}-title\">{}</title><desc id=\"{id}-told\">{}</desc>",
        text(title),
        text(told)
    )
}

fn grid(out: &mut String, y: f64, label: &str) {
    put(
        out,
        format_args!(
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            y + 4.0
        ),
    );
}

fn bar(out: &mut String, x: f64, y: f64, width: f64, height: f64, class: &str) {
    put(
        out,
        format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_days_share_columns_and_none_is_lost() {
        let days: Vec<(String, Vec<u64>)> =
            (0..365).map(|day| (format!("day-{day}"), vec![1, 2])).collect();
        let (together, all) = columns(&days);
        assert_eq!((together, all.len()), (4, 92));
        assert_eq!(all.iter().map(|(_, sums)| sums[1]).sum::<u64>(), 730);
        assert_eq!(columns(&days[..3]).1.len(), 3);
        assert_eq!(columns(&[]).1.len(), 0);
    }
}
