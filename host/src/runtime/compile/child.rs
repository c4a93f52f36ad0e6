//! Starts the child that compiles, waits for it no longer than allowed, and says how it died.

use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::super::{LoadError, frame};
use super::{Artifact, Head, Request};

/// How strangers' files are compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompilerOptions {
    /// The program that compiles: this one, which knows the subcommand.
    pub program: PathBuf,
    /// Processor time, in whole seconds rounded up.
    pub cpu: Duration,
    /// Memory that is written to.
    pub memory_bytes: u64,
    /// Time by the clock, beginning with the start of the child.
    pub wall: Duration,
}

impl Default for CompilerOptions {
    fn default() -> Self {
        Self {
            // The running program, also after an upgrade has put another one in its place.
            program: "/proc/self/exe".into(),
            cpu: Duration::from_secs(60),
            memory_bytes: 1536 << 20,
            wall: Duration::from_secs(120),
        }
    }
}

impl CompilerOptions {
    /// The defaults, with another program: tests are not the program that they test.
    pub fn of(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), ..Self::default() }
    }
}

/// The way to the child: one at a time.
pub(in super::super) struct Compiler {
    options: CompilerOptions,
    alone: Mutex<()>,
}

/// An answer, its code included, is not read beyond this.
const ANSWER_BYTES_MAX: u64 = 512 << 20;
/// What the child says of its own death is in the first bytes of what it says.
const LAST_WORDS_BYTES_MAX: u64 = 4 << 10;
/// From the end of its output to its end.
const DYING: Duration = Duration::from_secs(2);

impl Compiler {
    pub fn new(options: CompilerOptions) -> Self {
        Self { options, alone: Mutex::new(()) }
    }

    /// Compiles in a child. Blocks until no other file is being compiled and this one is.
    ///
    /// # Errors
    /// Why the file is refused, in the words that it would be refused with in this process; or what
    /// the child died of.
    pub fn compile(&self, request: &Request, file: &[u8]) -> Result<Artifact, LoadError> {
        let mut question = Vec::with_capacity(file.len() + request.settings.len() + 1_024);
        frame::write(&mut question, request, file).map_err(|error| not_started(&error))?;
        let _alone = self.alone.lock().unwrap_or_else(PoisonError::into_inner);
        let mut child = self.spawn().map_err(|error| not_started(&error))?;
        // Threads that are not joined: whoever else holds the pipes holds nobody up.
        let (words, answer) = (child.stderr.take(), child.stdout.take());
        let words = reading(words, LAST_WORDS_BYTES_MAX);
        let answer = reading(answer, ANSWER_BYTES_MAX);
        if let Some(mut stdin) = child.stdin.take() {
            // A child that has died reads no more; what it died of is found below.
            thread::spawn(move || io::Write::write_all(&mut stdin, &question));
        }
        let Ok(bytes) = answer.recv_timeout(self.options.wall) else {
            let used = processor_time(&child);
            end(&mut child);
            return Err(self.too_long(used));
        };
        if let Some((head, code)) = frame::read::<Result<Head, LoadError>>(&bytes) {
            end(&mut child);
            return head.map(|head| Artifact { head, code: code.to_vec() });
        }
        let ended = wait(&mut child, DYING).map_err(|error| not_started(&error))?;
        let Some(status) = ended else { return Err(self.too_long(None)) };
        let words = words.recv_timeout(DYING).unwrap_or_default();
        Err(self.died(status, &String::from_utf8_lossy(&words)))
    }

    fn spawn(&self) -> io::Result<Child> {
        Command::new(&self.options.program)
            .arg("compile-worker")
            .arg(format!("--cpu-ms={}", self.options.cpu.as_millis()))
            .arg(format!("--memory-bytes={}", self.options.memory_bytes))
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // What stops this program from the terminal stops it in order, the child last.
            .process_group(0)
            .spawn()
    }

    /// What takes long and does not compute meanwhile was kept waiting by others. A file cannot wait.
    fn too_long(&self, used: Option<Duration>) -> LoadError {
        let wall = self.options.wall.as_secs_f64();
        let fair = self.options.cpu.min(self.options.wall) / 2;
        match used {
            Some(used) if used >= fair => LoadError::Compiling(format!(
                "compiling it took longer than {wall} s, {:.1} s of processor time; ship a smaller file or raise `compile_wall_ms`",
                used.as_secs_f64()
            )),
            _ => LoadError::Machine(format!(
                "compiling it took longer than {wall} s, of which the machine gave it {:.1} s of processor time; raise `compile_wall_ms` where that happens often",
                used.unwrap_or_default().as_secs_f64()
            )),
        }
    }

    fn died(&self, status: ExitStatus, words: &str) -> LoadError {
        let last = words.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
        let last: String = last.chars().filter(|c| !c.is_control()).take(200).collect();
        match status.signal() {
            Some(SIGXCPU) => LoadError::Compiling(format!(
                "compiling it used more than {} s of processor time; ship a smaller file or raise `compile_cpu_ms`",
                self.options.cpu.as_millis().div_ceil(1_000)
            )),
            _ if words.contains("memory allocation of") => LoadError::Compiling(format!(
                "compiling it used more than {} MiB of memory; ship a smaller file or raise `compile_memory_bytes`",
                self.options.memory_bytes >> 20
            )),
            Some(SIGKILL) => LoadError::Machine(
                "the compiler was killed (signal 9), most likely because the machine ran out of memory; lower `compile_memory_bytes` where that happens often".to_owned(),
            ),
            Some(signal) if CRASHES.contains(&signal) => LoadError::Compiling(match last.is_empty() {
                true => format!("the compiler crashed (signal {signal}); report it with the file"),
                false => format!("the compiler crashed (signal {signal}: {last}); report it with the file"),
            }),
            Some(signal) => LoadError::Machine(format!("the compiler was ended (signal {signal})")),
            None => LoadError::Machine(format!("the compiler gave no answer ({status}): {last}")),
        }
    }
}

/// How a program dies of what it does itself; whatever else ends it came from outside.
const CRASHES: [i32; 5] = [
    Signal::SEGV.as_raw(),
    Signal::ABORT.as_raw(),
    Signal::ILL.as_raw(),
    Signal::FPE.as_raw(),
    Signal::TRAP.as_raw(),
];
const SIGKILL: i32 = Signal::KILL.as_raw();
const SIGXCPU: i32 = Signal::XCPU.as_raw();

fn not_started(error: &io::Error) -> LoadError {
    LoadError::Machine(format!("the compiler could not be started: {error}"))
}

/// What a child that runs has used, all its threads together; `None` where the system does not tell.
fn processor_time(child: &Child) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).ok()?;
    // Its name stands in brackets and may hold anything; user and system time are 11 fields after.
    let fields = stat.rsplit_once(')')?.1.split_whitespace();
    let ticks: Vec<u64> = fields.skip(11).take(2).map(str::parse).collect::<Result<_, _>>().ok()?;
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Some(Duration::from_millis(ticks.iter().sum::<u64>() * 1_000 / per_second))
}

/// What a pipe gives until its end, or its first bytes.
fn reading(pipe: Option<impl Read + Send + 'static>, bytes_max: u64) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let Some(mut pipe) = pipe else { return };
        let mut bytes = Vec::new();
        // A pipe that breaks has ended.
        let _ = (&mut pipe).take(bytes_max).read_to_end(&mut bytes);
        let full = bytes.len() as u64 == bytes_max;
        let _ = sender.send(bytes);
        if full {
            // Or its writer would wait for ever.
            let _ = io::copy(&mut pipe, &mut io::sink());
        }
    });
    receiver
}

/// Nothing more is wanted of it. It may have ended already.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Waits for its end, and brings it about where it does not come.
fn wait(child: &mut Child, patience: Duration) -> io::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    while begun.elapsed() < patience {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(Duration::from_millis(2));
    }
    end(child);
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::super::super::Limits;
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    /// A program in place of the compiler, which does what it is told.
    fn told_to(script: &str) -> (tempfile::TempDir, Compiler) {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("program");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        let options =
            CompilerOptions { wall: Duration::from_millis(1_500), ..CompilerOptions::of(program) };
        (dir, Compiler::new(options))
    }

    fn refusal(compiler: &Compiler) -> LoadError {
        let request =
            Request { settings: "{}".to_owned(), ceiling: Limits::default(), seed: [0; 32] };
        compiler.compile(&request, &[0; 1 << 20]).unwrap_err()
    }

    #[test]
    fn each_death_of_the_child_is_a_readable_refusal_of_the_file_or_of_the_machine() {
        let of_the_file = [
            ("kill -XCPU $$", "used more than 60 s of processor time"),
            (
                "echo memory allocation of 9 bytes failed >&2; kill -ABRT $$",
                "used more than 1536 MiB",
            ),
            ("kill -SEGV $$", "crashed (signal 11)"),
            (
                "echo has overflowed its stack >&2; kill -ABRT $$",
                "(signal 6: has overflowed its stack)",
            ),
        ];
        let of_the_machine = [
            ("kill -KILL $$", "ran out of memory"),
            ("kill -TERM $$", "was ended (signal 15)"),
            ("echo what is this >&2; exit 2", "gave no answer (exit status: 2): what is this"),
            ("echo 0123456789012345; exit 0", "gave no answer (exit status: 0)"),
            ("exec sleep 60", "took longer than 1.5 s, of which the machine gave it 0.0 s"),
            ("head -c 100000 /dev/zero; exec sleep 60", "took longer than 1.5 s"),
            // It leaves somebody behind who holds its pipes.
            ("sleep 5 & kill -SEGV $$", "took longer than 1.5 s"),
        ];
        let cases = of_the_file.map(|case| (case, false)).into_iter();
        for ((script, says), machine) in cases.chain(of_the_machine.map(|case| (case, true))) {
            let (_dir, compiler) = told_to(script);
            let begun = Instant::now();
            let error = refusal(&compiler);
            assert!(error.to_string().contains(says), "{script}: {error}");
            assert_eq!(error.is_of_the_machine(), machine, "{script}: {error}");
            assert!(begun.elapsed() < Duration::from_secs(20), "{script}");
        }
    }

    #[test]
    fn whose_fault_a_long_time_is_follows_from_what_the_child_could_use_of_it() {
        // 60 s of processor time and 1.5 s by the clock.
        let (_dir, compiler) = told_to("true");
        let cases = [(None, true), (Some(0), true), (Some(740), true), (Some(750), false)];
        for (used_ms, machine) in cases {
            let error = compiler.too_long(used_ms.map(Duration::from_millis));
            assert_eq!(error.is_of_the_machine(), machine, "{used_ms:?}: {error}");
        }
    }

    #[test]
    fn a_child_that_floods_its_pipes_is_ended() {
        let (_dir, compiler) = told_to("exec yes >&2");
        assert!(refusal(&compiler).to_string().contains("took longer than 1.5 s"));
    }

    #[test]
    fn a_compiler_that_is_not_there_is_said_to_be() {
        let error = refusal(&Compiler::new(CompilerOptions::of("/nowhere/picket")));
        assert!(error.to_string().contains("could not be started"), "{error}");
        assert!(error.is_of_the_machine());
    }

    #[test]
    fn one_file_is_compiled_at_a_time() {
        let script = "mkdir \"$0.running\" || { echo two at once >&2; exit 9; }; sleep 0.1; \
                      rmdir \"$0.running\"; echo alone >&2; exit 1";
        let (_dir, compiler) = told_to(script);
        thread::scope(|scope| {
            let all: Vec<_> = (0..4).map(|_| scope.spawn(|| refusal(&compiler))).collect();
            for one in all {
                let error = one.join().unwrap().to_string();
                assert!(error.ends_with("alone"), "{error}");
            }
        });
    }
}
