//! The program `rnn`.

fn main() -> std::process::ExitCode {
    embedded_rnn_trainer::cli::main()
}
