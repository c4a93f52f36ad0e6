//! The shipped detectors as WebAssembly components, embedded.

/// A detector, ready to be loaded by a host.
#[derive(Debug, Clone, Copy)]
pub struct Bundled {
    /// Its name, as its manifest has it.
    pub name: &'static str,
    /// The component, as if it had been read from a file.
    pub component: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/bundle.rs"));
