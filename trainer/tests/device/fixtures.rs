//! The device crate's fixtures are what the packer writes: small networks with random weights, in both arithmetics.
//!
//! `UPDATE_FIXTURES=1 cargo test -p embedded-rnn-trainer --test device fixtures` writes them anew, after a change of the format.

use std::path::{Path, PathBuf};

use embedded_rnn::forecast::Transform;
use embedded_rnn::image::{Functions, Mode, Normalization, Window};
use embedded_rnn_trainer::evaluate::device::{DeviceModel, ModelBytes};
use embedded_rnn_trainer::network::plain::NormForm;
use embedded_rnn_trainer::regularize::settings::{Reading, Zoneout};

use crate::sketch::{Extras, Numbers, Sketch};

fn fixtures() -> Vec<(&'static str, Sketch)> {
    let window = |features, targets, lookback, patch, horizon, transform, normalization| Window {
        features,
        targets,
        lookback,
        patch,
        horizon,
        layers: 0,
        transform,
        normalization,
        mode: Mode::Windowed,
    };
    let sketch = |seed, widths: &[usize], window, [cell, hidden]: [f64; 2], reading, numbers| Sketch {
        seed,
        widths: widths.to_vec(),
        window: Window { layers: widths.len() as u16, ..window },
        zoneout: Zoneout { cell, hidden, reading },
        extras: Extras::default(),
        skip: 0,
        quantiles: 1,
        classes: 0,
        numbers,
    };
    let kept = |norm| Extras { norm: Some(norm), kept: true, ..Extras::default() };
    let joint = Extras { norm: Some(NormForm::Joint), per_gate: true, kept: false, removed: 1, head: false };
    let head = |norm| Extras { norm, head: true, ..Extras::default() };
    use Normalization::{Last, None};
    use Reading::{Candidate, Zoned};
    let rational = Numbers::F32(Functions::Rational);
    let stream = window(3, 2, 6, 1, 2, Transform::None, None);
    vec![
        // Per-window normalization, patches, zoneout on both states.
        ("tiny-int8", sketch(1, &[5], window(1, 1, 8, 2, 3, Transform::None, Last), [0.25, 0.5], Candidate, Numbers::Int8)),
        // The same shape in both arithmetics, without normalization, so that it can stream.
        ("stream-int8", sketch(2, &[7, 5], stream, [0.5, 0.25], Candidate, Numbers::Int8)),
        ("stream-f32", sketch(2, &[7, 5], stream, [0.1, 0.3], Candidate, rational)),
        // Three plain layers; a session's snapshot is as long as a forecaster's, see the host's tests.
        ("deep-int8", sketch(3, &[4, 3, 3], window(2, 1, 10, 1, 2, Transform::None, None), [0.0; 2], Candidate, Numbers::Int8)),
        // The value transforms.
        ("root-int8", sketch(4, &[4], window(1, 1, 6, 3, 2, Transform::Sqrt, Last), [0.25, 0.0], Zoned, Numbers::Int8)),
        ("log-f32", sketch(5, &[6], window(2, 2, 4, 2, 1, Transform::Log, None), [0.0; 2], Candidate, rational)),
        // Layer norm in every form, with keep factors and with a removed unit.
        ("norm-a-int8", sketch(6, &[5, 3], stream, [0.25, 0.5], Zoned, Numbers::Int8).with_extras(kept(NormForm::A))),
        ("norm-joint-int8", sketch(7, &[5], stream, [0.25, 0.0], Candidate, Numbers::Int8).with_extras(joint)),
        ("norm-b-f32", sketch(8, &[5], stream, [0.25, 0.5], Candidate, rational).with_extras(kept(NormForm::B))),
        // Before the head, alone and with a removed unit beside the joint norm.
        ("head-norm-int8", sketch(10, &[5], stream, [0.25, 0.5], Candidate, Numbers::Int8).with_extras(head(Option::None))),
        (
            "head-norm-f32",
            sketch(11, &[4, 5], stream, [0.0, 0.25], Candidate, rational)
                .with_extras(Extras { removed: 1, ..head(Some(NormForm::Joint)) }),
        ),
        ("norm-joint-f32", sketch(9, &[5], stream, [0.0, 0.0], Candidate, rational).with_extras(joint)),
        // A linear skip, of several columns and samples a step; what could stream without it.
        (
            "skip-int8",
            sketch(10, &[5], window(2, 2, 6, 3, 2, Transform::None, Last), [0.25, 0.0], Candidate, Numbers::Int8).with_skip(3),
        ),
        (
            "skip-f32",
            sketch(11, &[4], window(3, 1, 4, 2, 5, Transform::None, None), [0.0, 0.0], Candidate, rational).with_skip(2),
        ),
        // Quantiles of several targets that can stream, and those behind a root beside a skip.
        ("quantile-int8", Sketch { quantiles: 3, ..sketch(12, &[5], stream, [0.25, 0.5], Candidate, Numbers::Int8) }),
        // Classes, of windows less their last values.
        (
            "classes-int8",
            sketch(14, &[6], window(2, 1, 6, 3, 2, Transform::None, Last), [0.25, 0.0], Candidate, Numbers::Int8).classifier(3),
        ),
        (
            "quantile-skip-f32",
            Sketch {
                quantiles: 5,
                ..sketch(13, &[4], window(2, 1, 6, 3, 2, Transform::Sqrt, Last), [0.0; 2], Candidate, rational).with_skip(2)
            },
        ),
        // Trained as a stream: patches, seen from the sample before them, three steps of warm-up.
        (
            "streamed-int8",
            sketch(14, &[5], window(2, 1, 8, 2, 3, Transform::None, Last), [0.25, 0.5], Candidate, Numbers::Int8).streamed(3),
        ),
    ]
}

#[test]
fn fixtures_are_what_the_packer_writes() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
    for (name, sketch) in fixtures() {
        let file = sketch.build().file;
        let bytes = ModelBytes::new(&file);
        let mut model = DeviceModel::open(&bytes, Path::new(name)).unwrap();
        assert!(model.self_test());
        let lines = model.snippet(&format!("{name}.rnn"));
        for (path, content) in [(format!("{name}.rnn"), &file[..]), (format!("{name}.rs"), lines.as_bytes())] {
            let path = folder.join(path);
            if std::env::var_os("UPDATE_FIXTURES").is_some() {
                std::fs::write(&path, content).unwrap();
            }
            assert!(std::fs::read(&path).unwrap() == content, "{} is not what the packer writes", path.display());
        }
    }
}
