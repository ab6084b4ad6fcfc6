//! What a CSV may look like, and the sentence for each thing that it may not.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::config::Clock;
use crate::data::Interval;
use crate::data::testing::{benchmark, select, write_csv};

fn read(content: impl AsRef<[u8]>, selection: &Selection) -> Result<Series> {
    let file = write_csv(content);
    Series::read(file.path(), selection)
}

/// The refusal with the file's name cut off.
fn refusal(content: impl AsRef<[u8]>, selection: &Selection) -> String {
    let file = write_csv(content);
    let error = Series::read(file.path(), selection).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    let message = error.to_string();
    message.strip_prefix(&file.path().display().to_string()).expect("the file is named first").to_owned()
}

#[test]
fn columns_come_in_the_order_chosen_with_their_time() {
    let selection =
        Selection { time: Some("t".into()), targets: vec!["b".into()], features: vec!["a".into()], ..Selection::default() };
    let series = read("t,a,junk,b\n1749-01,1,x,58\n1749-02,2,y,62.6\n1749-03,3,,70\n", &selection).unwrap();
    assert_eq!(series.columns[0], Column { name: "b".into(), values: vec![58.0, 62.6, 70.0] });
    assert_eq!(series.columns[1], Column { name: "a".into(), values: vec![1.0, 2.0, 3.0] });
    assert_eq!((series.targets, series.rows()), (1, 3));
    assert_eq!(series.target_names().collect::<Vec<_>>(), ["b"]);
    assert_eq!(series.sample(1).collect::<Vec<_>>(), [62.6, 2.0]);
    assert_eq!(series.times.as_ref().unwrap().interval(), Some(Interval::Months(1)));
    assert_eq!(series.times.as_ref().unwrap().text(2), "1749-03");
    assert_eq!(series.stamp_after_end(2).as_deref(), Some("1749-05"));
    assert_eq!((series.line(0), series.line(2)), (2, 4));
}

#[test]
fn delimiters_quotes_marks_and_line_ends_are_recognized() {
    let expected = read("x,v\n1,10\n2,20\n", &select("v")).unwrap().columns;
    for content in [
        "x;v\n1;10\n2;20\n",
        "x\tv\n1\t10\n2\t20",
        "\u{feff}x,v\n1,10\n2,20\n\n\n",
        "\n\nx,v\r\n1,10\r\n2,20\r\n",
        "x,v\r1,10\r2,20\r",
        " x , v \n1, 10 \n2,20\n",
        "\"x\",\"v\"\n\"1\",\"10\"\n\"2\",\"20\"\n",
        "\"x,y;z;w\";v\n1;1e1\n2;+20.0\n",
    ] {
        assert_eq!(read(content, &select("v")).unwrap().columns, expected, "{content:?}");
    }
}

#[test]
fn the_digest_is_of_the_files_bytes() {
    let series = read("v\n1\n2\n", &select("v")).unwrap();
    // printf 'v\n1\n2\n' | sha256sum
    assert_eq!(series.sha256_hex(), "dc16ad0e47c9e8122290e3cadff8df5eca2f849cec45d5bc2a29d19cc7854732");
}

#[test]
fn bad_cells_are_named_by_line_and_column() {
    for (cell, expected) in [
        ("", "the cell is empty: fill the value in, or cut the file there"),
        ("n/a", "\"n/a\" is not a number: write a number"),
        ("1_000", "\"1_000\" is not a number: write a number"),
        ("\"3,5\"", "\"3,5\" is not a number: write it with a point, 3.5"),
        ("NaN", "\"NaN\" is not a finite number: fill a measured value in, or cut the file there"),
        ("-inf", "\"-inf\" is not a finite number: fill a measured value in, or cut the file there"),
        ("1e39", "\"1e39\" is too large for 32 bits: fill a measured value in, or cut the file there"),
    ] {
        let content = format!("x,v\n1,10\n2,{cell}\n3,30\n");
        assert_eq!(refusal(content, &select("v")), format!(", line 3, column \"v\": {expected}"));
    }
}

#[test]
fn lines_are_counted_through_line_ends_and_quoted_cells() {
    for content in ["x,v\r\n1,10\r\n2,bad\r\n", "x,v\n\"one\",10\n2,bad\n", "x,v\r1,10\r2,bad\r", "x,\"v\"\n1,10\n2,bad"] {
        assert!(refusal(content, &select("v")).starts_with(", line 3, column \"v\": \"bad\""), "{content:?}");
    }
    assert!(refusal("x,v\n\"a\n\nb\",10\n2,bad\n", &select("v")).starts_with(", line 5, column \"v\""));
    assert!(refusal("\n\nx,v\n1,bad\n", &select("v")).starts_with(", line 4, column \"v\""));
}

#[test]
fn values_outside_the_transform_are_named_by_line() {
    let under = |transform| Selection { transform, ..select("v") };
    assert_eq!(
        refusal("v\n1\n-2\n", &under(Transform::Sqrt)),
        ", line 3, column \"v\": -2 is outside the transform \"sqrt\", which needs values of 0 or more: mend the value, or choose transform = \"none\""
    );
    assert_eq!(
        refusal("v\n1\n0\n", &under(Transform::Log)),
        ", line 3, column \"v\": 0 is outside the transform \"log\", which needs values above 0: mend the value, or choose transform = \"none\""
    );
    assert!(read("v\n1\n-2\n", &under(Transform::None)).is_ok());
}

#[test]
fn ragged_and_blank_rows_are_named_by_line() {
    assert_eq!(
        refusal("x,v\n1,10\n2\n", &select("v")),
        ", line 3: 1 cell where the header has 2: give every row the header's number of cells"
    );
    assert_eq!(
        refusal("x,v\n1,10,11\n", &select("v")),
        ", line 2: 3 cells where the header has 2: give every row the header's number of cells"
    );
    let blank = "the line is blank: fill its row in, or delete the line if no sample is missing";
    assert_eq!(refusal("v\n1\n\n2\n", &select("v")), format!(", line 3: {blank}"));
    assert_eq!(refusal("v\r\n\r\n\r\n2\r\n", &select("v")), format!(", line 2: {blank}"));
}

#[test]
fn headers_must_name_the_columns_once() {
    assert_eq!(
        refusal("date,HUFL,OT\n1,2,3\n", &select("OTT")),
        " has no column \"OTT\"; its columns are \"date\", \"HUFL\", \"OT\": did you mean \"OT\"?"
    );
    assert_eq!(
        refusal("date,HUFL,OT\n1,2,3\n", &select("temperature")),
        " has no column \"temperature\"; its columns are \"date\", \"HUFL\", \"OT\": choose one of these"
    );
    assert_eq!(
        refusal("date,v\n1,2\n", &Selection { time: Some("when".into()), ..select("v") }),
        " has no column \"when\"; its columns are \"date\", \"v\": choose one of these"
    );
    assert_eq!(refusal("v,x,v\n1,2,3\n", &select("v")), ", line 1: the header names \"v\" twice (columns 1 and 3): rename one");
    assert_eq!(
        refusal("1749,58\n1750,60\n", &select("v")),
        ", line 1: the first line holds numbers: put a line with the columns' names above it"
    );
}

#[test]
fn files_that_hold_nothing_readable_are_refused() {
    assert_eq!(refusal("", &select("v")), " is empty: it needs a header line and one row a sample");
    assert_eq!(refusal("\n\n", &select("v")), " is empty: it needs a header line and one row a sample");
    assert_eq!(refusal("x,v\n", &select("v")), " has a header but no rows: add one row a sample");
    assert_eq!(refusal(b"\xff\xfev\0\n\0", &select("v")), " is UTF-16 text: save it as UTF-8");
    assert_eq!(refusal(b"v\n1\n\xb0C\n", &select("v")), ", line 3: not UTF-8 text: save the file as UTF-8");
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().join("none.csv"), folder.path().to_owned()] {
        let error = Series::read(&path, &select("v")).unwrap_err();
        assert!(error.to_string().starts_with(&format!("cannot read {}: ", path.display())), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}

#[test]
fn time_stamps_are_checked_by_line() {
    let selection = Selection { time: Some("t".into()), ..select("v") };
    for (content, expected) in [
        ("t,v\n1749-01,1\nsoon,2\n", ", line 3, column \"t\": \"soon\" is not a time stamp: write stamps like"),
        ("t,v\n1749-01,1\n,2\n", ", line 3, column \"t\": \"\" is not a time stamp: write stamps like"),
        (
            "t,v\n1749-01,1\n1749-02-01,2\n",
            ", line 3, column \"t\": \"1749-02-01\" is spelled otherwise than \"1749-01\" above: spell all stamps alike",
        ),
        ("t,v\n1749-02,1\n1749-01,2\n", ", line 3: 1749-01 comes after 1749-02, which is later: sort the rows"),
        ("t,v\n1749-01,1\n1749-01,2\n", ", line 3: 1749-01 repeats the stamp of the line before: sort the rows"),
        (
            "t,v\n1749-01,1\n1749-02,2\n1749-05,2\n",
            ", line 4: from 1749-02 to 1749-05 2 samples are missing (the interval is 1 month): fill them in, or cut the file at the gap",
        ),
    ] {
        let found = refusal(content, &selection);
        assert!(found.starts_with(expected), "{found}");
    }
}

#[test]
fn the_shipped_series_reads_whole() {
    let series = crate::data::testing::sunspots();
    assert_eq!(series.rows(), 2820);
    assert_eq!(series.columns[0].values[..2], [58.0, 62.6]);
    assert_eq!(series.stamp_after_end(12).as_deref(), Some("1984-12"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_but_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let selection = select("v");
        let reader = Reader { path: &PathBuf::from("x.csv"), selection: &selection };
        if let Ok(text) = reader.text(&bytes) {
            let _ = reader.series(text, [0; 32]);
        }
    }

    #[test]
    fn any_text_of_csv_letters_is_read_or_refused_with_a_line_that_exists(body in "[v1-3,;\\t\"\r\n.-]{0,60}") {
        let text = format!("v\n{body}");
        let selection = select("v");
        let reader = Reader { path: &PathBuf::from("x.csv"), selection: &selection };
        match reader.series(&text, [0; 32]) {
            Ok(series) => prop_assert!(series.lines.windows(2).all(|pair| pair[0] < pair[1])),
            Err(error) => {
                let message = error.to_string();
                if let Some((_, rest)) = message.split_once(", line ") {
                    let line: usize = rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap();
                    prop_assert!(line >= 1 && line <= 1 + line_ends(text.as_bytes()));
                }
            }
        }
    }

    #[test]
    fn every_value_written_is_the_value_read(values in proptest::collection::vec(-1e30f32..1e30, 1..50)) {
        let body: String = values.iter().map(|value| format!("{value}\n")).collect();
        prop_assert_eq!(&read(format!("v\n{body}"), &select("v")).unwrap().columns[0].values, &values);
    }
}

#[test]
fn a_real_clock_that_was_set_back_is_read_where_it_is_called_a_wall_clock() {
    let selection = Selection { time: Some("timestamp".into()), clock: Clock::Wall, ..select("value") };
    let Some(series) = benchmark("nab_machine_temperature.csv", &selection) else { return };
    let times = series.times.as_ref().unwrap();
    assert_eq!((series.rows(), times.clock_set()), (22_695, &[10_149][..]));
    assert_eq!((times.text(10_148).as_str(), times.text(10_149).as_str()), ("2014-01-07 02:55:00", "2014-01-07 02:00:00"));
    assert_eq!(times.interval(), Some(Interval::Microseconds(300_000_000)));
    let said = series.clock_changes().unwrap();
    assert!(
        said.ends_with(
            "nab_machine_temperature.csv, line 10151: the clock was set by an hour; its rows are taken as evenly spaced"
        )
    );
}
