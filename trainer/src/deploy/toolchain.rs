//! Which compiler can build for a microcontroller here.
//!
//! A toolchain can if its library for the target is installed, or if it has the library's source to build `core` from.
//! The active toolchain comes first, then the distribution's: Debian ships the source of a compiler that it does not
//! ship targets for.

use std::{ffi::OsStr, path::PathBuf, process::Command, time::Duration};

use super::{
    boards::Board,
    emulator::in_path,
    process,
    stop::{Missing, Stop},
};

/// The distribution's compiler.
const DISTRIBUTION: &str = "/usr/bin/rustc";
/// A compiler answers questions about itself at once.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where `core` comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// It is installed for the target.
    Installed,
    /// It is built from source.
    Source,
}

/// A compiler that can build for the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// Full path: a proxy in `PATH` could choose another.
    pub cargo: PathBuf,
    /// Full path, as cargo's.
    pub rustc: PathBuf,
    /// Where `core` comes from.
    pub library: Library,
    /// A linker, where the toolchain does not bring the one that the target asks for.
    pub linker: Option<PathBuf>,
}

/// A toolchain, and what it says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Candidate {
    sysroot: PathBuf,
    host: String,
    version: String,
}

/// The first toolchain that can build for `board`.
pub fn find(board: &Board) -> Result<Toolchain, Stop> {
    let candidates: Vec<Candidate> = [OsStr::new("rustc"), OsStr::new(DISTRIBUTION)].into_iter().filter_map(ask).collect();
    Ok(choose(board, &candidates, in_path(board.linker.program))?)
}

/// A command of `toolchain`'s cargo for `board`, free of what an outer build left in the environment.
pub fn cargo(toolchain: &Toolchain, board: &Board) -> Command {
    let mut command = Command::new(&toolchain.cargo);
    for (key, _) in std::env::vars_os() {
        if belongs_to_outer_build(&key.to_string_lossy()) {
            command.env_remove(key);
        }
    }
    command.env("RUSTC", &toolchain.rustc);
    let variable = |name: &str| format!("CARGO_TARGET_{}_{name}", board.target.to_uppercase().replace(['-', '.'], "_"));
    if let Some(linker) = &toolchain.linker {
        command.env(variable("LINKER"), linker);
    }
    if let Some(cpu) = board.cpu {
        command.env(variable("RUSTFLAGS"), format!("-Ctarget-cpu={cpu}"));
    }
    if toolchain.library == Library::Source {
        // Building the library is not stable yet; a compiler builds its own library's source whatever its channel.
        command.env("RUSTC_BOOTSTRAP", "1");
    }
    command
}

/// Cargo's arguments that choose target and library.
pub fn arguments(toolchain: &Toolchain, target: &str) -> Vec<String> {
    let mut arguments = vec!["--target".to_string(), target.to_string()];
    if toolchain.library == Library::Source {
        arguments.push("-Zbuild-std=core".to_string());
    }
    arguments
}

/// Variables that a build sets for what it runs, or that change what a build makes. Where crates come from is the user's
/// setting and stays.
fn belongs_to_outer_build(key: &str) -> bool {
    const USERS: [&str; 5] = ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_SOURCE_"];
    // Cargo adds the outer toolchain's libraries to LD_LIBRARY_PATH.
    const OTHERS: [&str; 4] = ["RUSTFLAGS", "RUSTDOCFLAGS", "RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH"];
    (key.starts_with("CARGO") && !USERS.iter().any(|kept| key.starts_with(kept)))
        || key.starts_with("RUSTC")
        || OTHERS.contains(&key)
}

/// Asks a compiler for its home, host and version. `None` where there is none.
fn ask(rustc: &OsStr) -> Option<Candidate> {
    let output = |arguments: &[&str]| {
        let finished = process::run(Command::new(rustc).args(arguments), PATIENCE).ok()?;
        finished.status?.success().then(|| String::from_utf8_lossy(&finished.stdout).into_owned())
    };
    let sysroot = output(&["--print", "sysroot"])?;
    let about = output(&["--version", "--verbose"])?;
    let value = |key: &str| about.lines().find_map(|line| line.strip_prefix(key)).map(|value| value.trim().to_string());
    Some(Candidate { sysroot: PathBuf::from(sysroot.trim()), host: value("host:")?, version: value("release:")? })
}

/// The first candidate with the library installed, else the first with its source.
fn choose(board: &Board, candidates: &[Candidate], linker: Option<PathBuf>) -> Result<Toolchain, Missing> {
    let installed = candidates.iter().find(|candidate| candidate.has_library(board.target));
    let source = candidates.iter().find(|candidate| candidate.has_source());
    let (candidate, library) = match (installed, source) {
        (Some(candidate), _) => (candidate, Library::Installed),
        (None, Some(candidate)) => (candidate, Library::Source),
        (None, None) => {
            return Err(Missing {
                what: format!("the compiler's target {}", board.target),
                install: format!("rustup target add {}", board.target),
            });
        }
    };
    let linker = match candidate.linker() {
        Some(_) => None,
        None => Some(linker.or_else(|| candidates.iter().find_map(Candidate::linker)).ok_or_else(|| Missing {
            what: format!("a linker for {}", board.target),
            install: format!("apt-get install --no-install-recommends {}", board.linker.package),
        })?),
    };
    let program = |name: &str| candidate.sysroot.join("bin").join(name).with_extension(std::env::consts::EXE_EXTENSION);
    Ok(Toolchain { cargo: program("cargo"), rustc: program("rustc"), library, linker })
}

impl Candidate {
    fn rustlib(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib")
    }

    fn has_cargo(&self) -> bool {
        self.sysroot.join("bin/cargo").with_extension(std::env::consts::EXE_EXTENSION).is_file()
    }

    fn has_library(&self, target: &str) -> bool {
        let Ok(files) = self.rustlib().join(target).join("lib").read_dir() else { return false };
        let is_core = |name: &OsStr| name.to_str().is_some_and(|name| name.starts_with("libcore-") && name.ends_with(".rlib"));
        self.has_cargo() && files.flatten().any(|file| is_core(&file.file_name()))
    }

    /// Whether the library's source is there and is this compiler's: a distribution links to a folder with the version in
    /// its name, which may be of another version than the compiler.
    fn has_source(&self) -> bool {
        let Ok(source) = self.rustlib().join("src/rust").canonicalize() else { return false };
        let version = source.file_name().and_then(OsStr::to_str).and_then(|name| name.strip_prefix("rustc-"));
        self.has_cargo()
            && version.is_none_or(|version| version == self.version)
            && source.join("library/core/Cargo.toml").is_file()
    }

    fn linker(&self) -> Option<PathBuf> {
        let bundled = self.rustlib().join(&self.host).join("bin/rust-lld").with_extension(std::env::consts::EXE_EXTENSION);
        bundled.is_file().then_some(bundled)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::deploy::boards;

    const TARGET_LIBRARY: &str = "lib/rustlib/thumbv7em-none-eabihf/lib/libcore-0123.rlib";
    const SOURCE: &str = "lib/rustlib/src/rust/library/core/Cargo.toml";
    const LLD: &str = "lib/rustlib/some-host/bin/rust-lld";

    fn toolchain(root: &Path, name: &str, files: &[&str]) -> Candidate {
        let sysroot = root.join(name);
        for file in files {
            touch(&sysroot.join(file));
        }
        Candidate { sysroot, host: "some-host".into(), version: "1.96.0".into() }
    }

    fn touch(file: &Path) {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, b"").unwrap();
    }

    fn choose_m4(candidates: &[Candidate], linker: Option<&str>) -> Result<Toolchain, Missing> {
        choose(boards::find("qemu-m4").unwrap(), candidates, linker.map(PathBuf::from))
    }

    #[test]
    fn an_installed_target_beats_source_wherever_it_is() {
        let root = tempfile::tempdir().unwrap();
        let active = toolchain(root.path(), "active", &["bin/cargo", SOURCE, LLD]);
        let other = toolchain(root.path(), "other", &["bin/cargo", TARGET_LIBRARY, LLD]);
        let chosen = choose_m4(&[active.clone(), other.clone()], None).unwrap();
        assert_eq!((chosen.library, chosen.cargo, chosen.linker), (Library::Installed, other.sysroot.join("bin/cargo"), None));
        let chosen = choose_m4(std::slice::from_ref(&active), None).unwrap();
        assert_eq!((chosen.library, chosen.rustc, chosen.linker), (Library::Source, active.sysroot.join("bin/rustc"), None));
    }

    #[test]
    fn a_linker_comes_from_path_or_from_another_toolchain() {
        let root = tempfile::tempdir().unwrap();
        let bare = toolchain(root.path(), "bare", &["bin/cargo", SOURCE]);
        let with_lld = toolchain(root.path(), "with", &["bin/cargo", LLD]);
        let chosen = choose_m4(&[with_lld.clone(), bare.clone()], Some("bin/arm-none-eabi-ld")).unwrap();
        assert_eq!(chosen.linker, Some("bin/arm-none-eabi-ld".into()));
        let chosen = choose_m4(&[with_lld.clone(), bare.clone()], None).unwrap();
        assert_eq!(chosen.linker, Some(with_lld.sysroot.join(LLD)));
        let missing = choose_m4(&[bare], None).unwrap_err();
        assert!(missing.install.contains("binutils-arm-none-eabi"), "{missing}");
    }

    #[test]
    fn without_target_and_source_the_mend_is_one_command() {
        let root = tempfile::tempdir().unwrap();
        let bare = toolchain(root.path(), "bare", &["bin/cargo", LLD]);
        let without_cargo = toolchain(root.path(), "without", &[TARGET_LIBRARY, SOURCE, LLD]);
        for candidates in [vec![], vec![bare, without_cargo]] {
            let missing = choose_m4(&candidates, Some("ld")).unwrap_err();
            assert_eq!(missing.install, "rustup target add thumbv7em-none-eabihf");
        }
    }

    #[cfg(unix)]
    #[test]
    fn source_of_another_version_does_not_serve() {
        let root = tempfile::tempdir().unwrap();
        for (folder, serves) in [("rustc-1.96.0", true), ("rustc-1.95.0", false)] {
            let candidate = toolchain(root.path(), &format!("with-{folder}"), &["bin/cargo", "lib/rustlib/src/empty"]);
            touch(&root.path().join(folder).join("library/core/Cargo.toml"));
            std::os::unix::fs::symlink(root.path().join(folder), candidate.rustlib().join("src/rust")).unwrap();
            assert_eq!(candidate.has_source(), serves, "{folder}");
        }
    }

    #[test]
    fn the_outer_build_is_kept_out_and_the_users_registry_settings_are_not() {
        for key in ["CARGO", "CARGO_MANIFEST_DIR", "CARGO_ENCODED_RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET", "RUSTC"] {
            assert!(belongs_to_outer_build(key), "{key}");
        }
        for key in ["RUSTC_WRAPPER", "RUSTFLAGS", "RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH"] {
            assert!(belongs_to_outer_build(key), "{key}");
        }
        for key in ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_REGISTRIES_X_INDEX", "RUSTUP_HOME", "PATH", "HOME"] {
            assert!(!belongs_to_outer_build(key), "{key}");
        }
    }

    #[test]
    fn the_command_names_linker_and_library() {
        let toolchain = Toolchain {
            cargo: "bin/cargo".into(),
            rustc: "bin/rustc".into(),
            library: Library::Source,
            linker: Some("bin/ld".into()),
        };
        fn set(command: &Command, key: &str) -> Option<std::ffi::OsString> {
            command.get_envs().find(|(name, _)| *name == key).and_then(|(_, value)| value.map(OsStr::to_owned))
        }
        let command = cargo(&toolchain, boards::find("qemu-m55").unwrap());
        assert_eq!(set(&command, "CARGO_TARGET_THUMBV8M_MAIN_NONE_EABIHF_LINKER"), Some("bin/ld".into()));
        assert_eq!(set(&command, "CARGO_TARGET_THUMBV8M_MAIN_NONE_EABIHF_RUSTFLAGS"), Some("-Ctarget-cpu=cortex-m55".into()));
        let command = cargo(&toolchain, boards::find("qemu-m4").unwrap());
        assert_eq!(set(&command, "CARGO_TARGET_THUMBV7EM_NONE_EABIHF_RUSTFLAGS"), None);
        assert_eq!(set(&command, "CARGO_TARGET_THUMBV7EM_NONE_EABIHF_LINKER"), Some("bin/ld".into()));
        assert_eq!(set(&command, "RUSTC"), Some("bin/rustc".into()));
        assert_eq!(set(&command, "RUSTC_BOOTSTRAP"), Some("1".into()));
        assert_eq!(arguments(&toolchain, "t"), ["--target", "t", "-Zbuild-std=core"]);
        assert_eq!(arguments(&Toolchain { library: Library::Installed, ..toolchain }, "t"), ["--target", "t"]);
    }

    #[test]
    fn the_active_compiler_answers() {
        let rustc = ask(OsStr::new("rustc")).expect("this test was built by a rustc");
        assert!(rustc.rustlib().is_dir());
        assert!(!rustc.host.is_empty() && !rustc.version.is_empty());
        assert_eq!(ask(OsStr::new("no-such-compiler-anywhere")), None);
    }
}
