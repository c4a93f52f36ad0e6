//! The audit log as mathematics: a Merkle tree over its entries (RFC 6962), cut into tiles, signed as
//! checkpoints (both by C2SP), with proofs and the means to verify all of it.
//!
//! Pure: bytes in, bytes and verdicts out. The rows are in `store`, which keeps the tree's head in the
//! transaction of the entries; files and requests are for the layers above. Whoever verifies needs
//! nothing but this room.

mod checkpoint;
mod inspect;
mod note;
mod path;
mod proof;
mod tile;
mod tree;

pub use checkpoint::{Checkpoint, checkpoints, host_signer};
pub use inspect::{Fault, Inspection, Verdict};
pub use note::{NoteError, NoteSigner, NoteVerifier};
pub use path::{Plan, extends, includes};
pub use proof::{Extra, Proof, ProofError, Proven};
pub use tile::{ENTRY_BYTES_MAX, Kind, PathError, TILE_WIDTH, Tile, bundle, hashes, unbundle};
pub use tree::{Frontier, Hash, Head, leaf_hash, root};
