//! The comparison as one page that needs nothing else: its style and its plots are in it, it loads nothing, and it follows the reader's
//! choice of light or dark.

mod bars;
mod curves;
mod dots;
mod rows;
mod svg;

use svg::{escape, thousands};

use super::statistics::Spread;
use super::summary::{Comparison, Row};
use super::text::{below, or_dash, plain, sign};
use crate::config::Loss;

const STYLE: &str = include_str!("style.css");

/// The whole page.
pub fn html(comparison: &Comparison) -> String {
    let title = format!("Regularizers compared: {}", comparison.name);
    [
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
            .to_owned(),
        format!("<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n", escape(&title)),
        format!("<h1>{}</h1>\n", escape(&title)),
        introduction(comparison),
        errors(comparison),
        "<h2>Test error of every seed</h2>\n<p class=\"caption\">A dot is a seed, a tick the mean, its figure on the right. \
         <span class=\"key\" style=\"background:var(--better)\"></span>mean below none's \
         <span class=\"key\" style=\"background:var(--worse)\"></span>not below. Dashed: none's mean. Dotted: forecasts without a \
         network. A triangle at the edge lies beyond it.</p>\n<div class=\"scroll wide\">"
            .to_owned(),
        dots::plot(comparison),
        "</div>\n<h2>Learning curves</h2>\n".to_owned(),
        format!(
            "<p class=\"caption\">The mean over seeds of the loss by epoch ({} error), on one scale: on the validation windows (solid; none's in gray) \
             and on the training windows under masks and noise (dotted).</p>\n",
            match comparison.setting.loss {
                Loss::Mse => "squared",
                Loss::Mae => "absolute",
                Loss::Huber => "Huber",
                Loss::Pinball => "pinball",
                Loss::CrossEntropy => "cross-entropy",
            }
        ),
        curves::plots(comparison),
        "<h2>Cost</h2>\n".to_owned(),
        costs_caption(comparison),
        "<div class=\"scroll wide\">".to_owned(),
        bars::plot(comparison),
        "</div>\n<div class=\"scroll below\">".to_owned(),
        costs(comparison),
        "</div>\n<h2>What was compared</h2>\n<div class=\"scroll\">".to_owned(),
        variants(comparison),
        "</div>\n</main>\n</body>\n</html>\n".to_owned(),
    ]
    .concat()
}

fn introduction(comparison: &Comparison) -> String {
    let setting = &comparison.setting;
    let targets = setting.targets.iter().map(|name| escape(name)).collect::<Vec<_>>().join(", ");
    let hidden = setting.hidden.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    let mut html = format!(
        "<p class=\"muted\">{targets}, {} ahead from {} samples in patches of {}; LSTM with {hidden} units; {} training, {} validation and {} test \
         windows; {} epochs, {} steps at most; {} seeds of each variant.</p>\n",
        setting.window.horizon,
        setting.window.lookback,
        setting.window.patch,
        setting.training_windows,
        setting.validation_windows,
        setting.test_windows,
        setting.epochs,
        setting.steps,
        comparison.seeds
    );
    for finding in findings(comparison) {
        html += &format!("<p>{}</p>\n", escape(&finding));
    }
    html += &format!("<p class=\"muted\">Error: {}.</p>\n<ul class=\"muted\">\n", escape(comparison.measure));
    for note in &comparison.notes {
        html += &format!("<li>{}</li>\n", escape(note));
    }
    html + "</ul>\n"
}

/// The comparison in sentences: what selection on validation gives, and how many variants help.
fn findings(comparison: &Comparison) -> Vec<String> {
    let Some(none) = comparison.none() else { return Vec::new() };
    let others = &comparison.variants[1..];
    let mean = |spread: Option<Spread>| spread.map(|spread| spread.mean);
    let chosen = comparison
        .variants
        .iter()
        .filter(|row| row.seeds.len() == none.seeds.len())
        .filter_map(|row| Some((mean(row.best.validation_rmse)?, row)))
        .min_by(|(a, _), (b, _)| a.total_cmp(b));
    let mut findings = Vec::new();
    if let (Some((validation, row)), Some(own)) = (chosen, mean(none.best.test_rmse)) {
        findings.push(format!(
            "The lowest mean validation error, which is what a choice may go by, has {}: {validation:.4} on validation, {:.4} on test, \
             where none has {own:.4}.",
            row.name,
            mean(row.best.test_rmse).unwrap_or(f64::NAN)
        ));
    }
    if !others.is_empty() {
        let count = |side: usize| others.iter().filter(|row| below(row, Some(none))[side]).count();
        findings.push(format!(
            "Mean test error below none's: {} of {} variants at best validation, {} at the final epoch.",
            count(0),
            others.len(),
            count(1)
        ));
    }
    findings
}

/// The column's lowest value is set in bold.
fn lowest(comparison: &Comparison, figure: impl Fn(&Row) -> Option<f64>) -> Option<f64> {
    comparison.variants.iter().filter_map(figure).min_by(f64::total_cmp)
}

fn errors(comparison: &Comparison) -> String {
    type Figure = fn(&Row) -> Option<Spread>;
    const COLUMNS: [Figure; 4] =
        [|row| row.best.validation_rmse, |row| row.best.test_rmse, |row| row.last.validation_rmse, |row| row.last.test_rmse];
    let lows = COLUMNS.map(|figure| lowest(comparison, |row| figure(row).map(|spread| spread.mean)));
    let mut html = String::from(
        "<h2>Errors</h2>\n<p class=\"caption\">RMSE, mean ± deviation over seeds; the lowest mean of a column is bold. Wins: seeds in which the \
         test error is below none's, of those that differ, and the sign test's two-sided p.</p>\n<div class=\"scroll\"><table>\n<thead>\
         <tr><th></th><th class=\"group\" colspan=\"4\">at best validation</th><th class=\"group\" colspan=\"3\">at the final epoch</th></tr>\
         <tr><th>variant</th><th>validation</th><th>test</th><th>wins, p</th><th>epoch</th><th>validation</th><th>test</th><th>wins, p</th></tr>\
         </thead>\n<tbody>\n",
    );
    for (index, row) in comparison.variants.iter().enumerate() {
        let cell = |column: usize| {
            let spread = COLUMNS[column](row);
            let best = spread.is_some_and(|spread| Some(spread.mean) == lows[column]);
            format!("<td{}>{}</td>", if best { " class=\"best\"" } else { "" }, or_dash(spread, |spread| spread.to_string()))
        };
        html += &format!(
            "<tr{}><td>{}</td>{}{}<td>{}</td><td>{}</td>{}{}<td>{}</td></tr>\n",
            if index == 0 { " class=\"none\"" } else { "" },
            escape(&row.name),
            cell(0),
            cell(1),
            escape(&sign(row.sign_best)),
            or_dash(row.best_epoch, |epoch| format!("{epoch:.1}")),
            cell(2),
            cell(3),
            escape(&sign(row.sign_last))
        );
    }
    html += "</tbody>\n</table></div>\n";
    let baselines = comparison.baselines.iter().map(|baseline| format!("{} {:.4}", plain(baseline.name), baseline.test.rmse));
    html + &format!(
        "<p class=\"muted\">Test RMSE without a network: {}.</p>\n",
        escape(&baselines.collect::<Vec<_>>().join(", "))
    )
}

fn costs_caption(comparison: &Comparison) -> String {
    let board = match &comparison.board {
        Some(board) => format!("Instructions are executed ones, counted on the emulated board {}.", escape(board)),
        None => "Instructions were not counted.".to_owned(),
    };
    format!(
        "<p class=\"caption\">Training: the time of an optimizer step relative to none's, the fastest tenth, because other work on the machine only \
         adds. Device: the first seed's int8 file. {board} Bars as long as none's are gray.</p>\n"
    )
}

fn costs(comparison: &Comparison) -> String {
    let mut html = String::from(
        "<table>\n<thead><tr><th>variant</th><th>training step</th><th>flash</th><th>RAM</th><th>MACs a forecast</th>\
         <th>instructions a step</th><th>instructions a forecast</th><th>int8 against float</th></tr></thead>\n<tbody>\n",
    );
    for (index, row) in comparison.variants.iter().enumerate() {
        let cost = row.cost.as_ref();
        let board = cost.and_then(|cost| cost.board.as_ref());
        html += &format!(
            "<tr{}><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
            if index == 0 { " class=\"none\"" } else { "" },
            escape(&row.name),
            or_dash(row.step_milliseconds, |time| format!("{time:.3} ms")),
            or_dash(cost, |cost| thousands(cost.device.flash_bytes as u64)),
            or_dash(cost, |cost| thousands(cost.device.ram_bytes as u64)),
            or_dash(cost, |cost| thousands(cost.device.macs as u64)),
            or_dash(board, |board| thousands(board.instructions_per_step)),
            or_dash(board, |board| thousands(board.instructions_per_forecast)),
            or_dash(cost.and_then(|cost| cost.device.agreement), |rms| format!("{:.2} %", 100.0 * rms)),
        );
    }
    html + "</tbody>\n</table>\n"
}

fn variants(comparison: &Comparison) -> String {
    let mut html = String::from(
        "<table>\n<thead><tr><th>variant</th><th style=\"text-align:left\">[regularization]</th><th></th></tr></thead>\n<tbody>\n",
    );
    for row in &comparison.variants {
        html += &format!(
            "<tr><td>{}</td><td class=\"code\">{}</td><td class=\"text\">{}</td></tr>\n",
            escape(&row.name),
            escape(&row.settings),
            escape(row.reason)
        );
    }
    for left in &comparison.left_out {
        html += &format!(
            "<tr><td>{}</td><td class=\"text\">left out</td><td class=\"text\">{}</td></tr>\n",
            escape(&left.name),
            escape(&left.reason)
        );
    }
    html + "</tbody>\n</table>\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::testing::comparison;

    #[test]
    fn every_variant_is_in_every_part_and_nothing_is_loaded() {
        let comparison = comparison();
        let html = html(&comparison);
        for row in &comparison.variants {
            // Errors, dots, curves, bars, costs, settings.
            let shown = html.matches(&format!(">{}<", row.name)).count();
            assert!(shown >= 6, "{} is shown {shown} times", row.name);
        }
        assert!(html.contains("between-dropout") && html.contains("one &lt;layer&gt;"));
        for foreign in ["http://", "https://", "src=", "href=", "@import", "url("] {
            assert!(!html.contains(foreign), "{foreign} in the page");
        }
        assert!(html.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn names_from_the_configuration_are_escaped() {
        let html = html(&comparison());
        assert!(html.contains("series &lt;&amp;&gt;") && html.contains("OT &amp; &quot;more&quot;"));
        assert!(!html.contains("series <&>") && html.contains("output-dropout = &quot;&lt;0.1&gt;&quot;"));
    }

    #[test]
    fn tags_are_closed_and_no_number_is_broken() {
        let html = html(&comparison());
        for tag in ["svg", "table", "tr", "td", "div", "p", "text", "ul"] {
            let open = html.matches(&format!("<{tag}>")).count() + html.matches(&format!("<{tag} ")).count();
            assert_eq!(open, html.matches(&format!("</{tag}>")).count(), "{tag}");
        }
        assert!(!html.contains("NaN") && !html.contains("inf\""));
    }

    #[test]
    fn the_findings_name_the_choice_by_validation() {
        let findings = findings(&comparison());
        // Decay, whose hardest seed diverged, is no candidate.
        let chosen = "has output-dropout: 0.5100 on validation, 0.5667 on test, where none has 0.6000";
        assert!(findings[0].contains(chosen), "{}", findings[0]);
        assert_eq!(findings[1], "Mean test error below none's: 1 of 2 variants at best validation, 2 at the final epoch.");
    }
}
