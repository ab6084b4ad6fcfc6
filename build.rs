//! Chooses the inner loops for the target's instruction set; the compiler itself tells a build nothing of the DSP extension.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(kernel, values(\"armv7em\"))");
    // Every ARMv7E-M core (Cortex-M4, M7) has the DSP extension; it is optional in ARMv8-M, where the feature `dsp` vouches for it.
    let target = std::env::var("TARGET").unwrap_or_default();
    let vouched = std::env::var_os("CARGO_FEATURE_DSP").is_some() && target.starts_with("thumbv8m.main");
    if target.starts_with("thumbv7em") || vouched {
        println!("cargo:rustc-cfg=kernel=\"armv7em\"");
    }
}
