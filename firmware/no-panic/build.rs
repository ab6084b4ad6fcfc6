//! The program has a start of its own and is never run: no start-up code, no memory map.

fn main() {
    println!("cargo::rustc-link-arg-bins=--gc-sections");
    println!("cargo::rustc-link-arg-bins=--entry=probe");
}
