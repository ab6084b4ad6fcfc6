//! Chooses the inner loops for the target's instruction set; the compiler itself tells a build nothing of the DSP and vector
//! extensions.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(kernel, values(\"armv6m\", \"armv7m\"))");
    println!("cargo:rustc-check-cfg=cfg(kernel_dsp)");
    println!("cargo:rustc-check-cfg=cfg(kernel_vectors)");
    println!("cargo:rustc-check-cfg=cfg(kernel_cpu, values(\"cortex-m33\"))");
    println!("cargo:rustc-check-cfg=cfg(kernel_float, values(\"vfp\"))");
    let target = std::env::var("TARGET").unwrap_or_default();
    let is_armv8m = target.starts_with("thumbv8m.main");
    // Every ARMv7E-M core (Cortex-M4, M7) has the DSP extension, no ARMv7-M core (Cortex-M3) has it; it is optional in ARMv8-M, where the
    // feature `dsp` vouches for it. Cores with vectors (Cortex-M55) have it too.
    let vectors = is_armv8m && std::env::var_os("CARGO_FEATURE_MVE").is_some();
    let dsp = is_armv8m && std::env::var_os("CARGO_FEATURE_DSP").is_some();
    let has_dsp = target.starts_with("thumbv7em") || dsp || vectors;
    if target.starts_with("thumbv6m") {
        println!("cargo:rustc-cfg=kernel=\"armv6m\"");
    } else if target.starts_with("thumbv7m") || has_dsp {
        println!("cargo:rustc-cfg=kernel=\"armv7m\"");
    }
    if has_dsp {
        println!("cargo:rustc-cfg=kernel_dsp");
    }
    if dsp || vectors {
        println!("cargo:rustc-cfg=kernel_cpu=\"cortex-m33\"");
    }
    if vectors {
        println!("cargo:rustc-cfg=kernel_vectors");
    }
    // The targets that pass floats in registers are those whose floating-point unit has at least single precision.
    if target.ends_with("eabihf") && (target.starts_with("thumbv7em") || is_armv8m) {
        println!("cargo:rustc-cfg=kernel_float=\"vfp\"");
    }
}
