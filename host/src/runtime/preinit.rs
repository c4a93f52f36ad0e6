//! Pre-initialising: run `configure` once and snapshot the memory that it left behind.

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::FutureExt;
use wasmtime::component::{Component, ComponentExportIndex, Instance, Lift, Linker, WasmList};
use wasmtime::{Engine, Result, Store, format_err};
use wasmtime_wizer::{ComponentInstanceState, Wizer};

use super::LoadError;
use super::abi::v1;
use super::call::classify;
use super::guest::{self, Guest};
use super::imports::check_imports;
use super::limits::{Limits, SETUP_DEADLINE};
use super::wasi::Wasi;

/// What running a file once, before it serves, has shown.
pub(super) struct FirstRun {
    pub describe: String,
    /// The component with the memory that `configure` left; `None` where it cannot be snapshotted.
    pub snapshot: Option<Vec<u8>>,
}

/// Runs `describe` and `configure` on the scratch engine and takes the snapshot.
pub(super) fn first_run(
    scratch: &Engine,
    file: &[u8],
    settings: &str,
    limits: &Limits,
    seed: [u8; 32],
) -> Result<FirstRun, LoadError> {
    let mut wizer = Wizer::new();
    wizer.keep_init_func(true);
    // Nested modules, start functions and the like cannot be snapshotted, and of some valid files wizer
    // makes an invalid one; such a file still runs.
    let instrumented = unless_it_panics(|| wizer.instrument_component(file).ok());
    let instrumented = instrumented.and_then(|(context, bytes)| {
        Some((Component::from_binary(scratch, &bytes).ok()?, Some(context)))
    });
    let (component, context) = match instrumented {
        Some(instrumented) => instrumented,
        None => {
            let component = Component::from_binary(scratch, file)
                .map_err(|error| LoadError::Compile(format!("{error:#}")))?;
            (component, None)
        }
    };
    // The file as shipped compiles nowhere but here, so its imports are looked at first.
    check_imports(&component, scratch)?;
    let mut linker = Linker::new(scratch);
    v1::link(&mut linker)
        .and_then(|()| super::wasi::link(&mut linker))
        .map_err(|error| LoadError::Interface(format!("{error:#}")))?;
    let wasi = Wasi::new(0, seed, limits.log_bytes);
    let mut store = guest::store(scratch, limits, Some(wasi));
    let restart =
        |store: &mut Store<Guest>| guest::arm(store, guest::thread_time(), SETUP_DEADLINE);
    restart(&mut store);
    let instance = linker
        .instantiate(&mut store, &component)
        .map_err(|error| LoadError::Interface(failure(&error, &mut store)))?;
    let exports = v1::exports(&mut store, &instance)
        .map_err(|error| LoadError::Interface(format!("{error:#}")))?;

    restart(&mut store);
    let describe = v1::describe(&exports, &mut store)
        .map_err(|error| LoadError::Describe(failure(&error, &mut store)))?;
    restart(&mut store);
    v1::configure(&exports, &mut store, settings)
        .map_err(|error| LoadError::Configure(failure(&error, &mut store)))?
        .map_err(LoadError::Settings)?;

    let holds_resources = store.data().wasi.as_ref().is_some_and(|wasi| wasi.holds_resources());
    let snapshot = match context {
        Some(context) if !holds_resources => {
            restart(&mut store);
            store.set_hostcall_fuel(2 * limits.memory_bytes);
            let mut state = State { store: &mut store, instance, unreadable: false };
            // Nothing in it waits: every call of `State` returns at once.
            let taken = unless_it_panics(|| {
                wizer.snapshot_component(&context, &mut state).now_or_never()?.ok()
            });
            taken.filter(|_| !state.unreadable)
        }
        _ => None,
    };
    Ok(FirstRun { describe, snapshot })
}

/// Wizer panics on what it did not think of, such as a global that holds a function, or a tag. That is one
/// more reason not to take a snapshot, and none to refuse a file.
fn unless_it_panics<T>(run: impl FnOnce() -> Option<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).ok().flatten()
}

/// The cause of a failed call, with what the guest said of it.
pub(super) fn failure(error: &wasmtime::Error, store: &mut Store<Guest>) -> String {
    store.data_mut().collect_printed();
    classify(error, store.data()).1
}

/// Lets wizer read the instance through the functions with which it was instrumented.
struct State<'a> {
    store: &'a mut Store<Guest>,
    instance: Instance,
    /// Something could not be read: what was taken is no snapshot.
    unreadable: bool,
}

impl State<'_> {
    fn read<R: Lift + 'static, U>(
        &mut self,
        instance: &str,
        name: &str,
        using: impl FnOnce(&Store<Guest>, R) -> U,
    ) -> Result<U> {
        let index = self.export(instance, name)?;
        let function = self.instance.get_typed_func::<(), (R,)>(&mut *self.store, index)?;
        let (value,) = function.call(&mut *self.store, ())?;
        Ok(using(self.store, value))
    }

    fn export(&mut self, instance: &str, name: &str) -> Result<ComponentExportIndex> {
        let missing = || format_err!("no {instance}#{name}");
        let (_, outer) =
            self.instance.get_export(&mut *self.store, None, instance).ok_or_else(missing)?;
        let (_, inner) =
            self.instance.get_export(&mut *self.store, Some(&outer), name).ok_or_else(missing)?;
        Ok(inner)
    }

    fn global<R: Lift + Default + 'static>(&mut self, instance: &str, name: &str) -> R {
        let read = self.read(instance, name, |_, value| value);
        self.unreadable |= read.is_err();
        read.unwrap_or_default()
    }
}

impl ComponentInstanceState for State<'_> {
    async fn call_func_ret_list_u8(
        &mut self,
        instance: &str,
        name: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        let using = |store: &Store<Guest>, list: WasmList<u8>| contents(list.as_le_slice(store));
        self.unreadable |= self.read(instance, name, using).is_err();
    }

    async fn call_func_ret_s32(&mut self, instance: &str, name: &str) -> i32 {
        self.global(instance, name)
    }

    async fn call_func_ret_s64(&mut self, instance: &str, name: &str) -> i64 {
        self.global(instance, name)
    }

    async fn call_func_ret_f32(&mut self, instance: &str, name: &str) -> u32 {
        f32::to_bits(self.global(instance, name))
    }

    async fn call_func_ret_f64(&mut self, instance: &str, name: &str) -> u64 {
        f64::to_bits(self.global(instance, name))
    }
}
