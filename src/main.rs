//! The `gatehouse` program: parse, dispatch, map the outcome to an exit code.

fn main() -> std::process::ExitCode {
    gatehouse::cli::main()
}
