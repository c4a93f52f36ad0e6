//! The bounds of a file and what was counted against them.

use wasmparser::{
    ElementItems, Encoding, FunctionBody, Instance, MemoryType, Operator, Payload, TableType,
    TypeRef,
};

use super::super::limits::{INSTANCES_MAX, Limits, MEMORIES_MAX, TABLES_MAX};
use super::{LoadError, unreadable};

/// Of the whole file, nested components included.
const MODULES_MAX: u64 = 64;
const COMPONENTS_MAX: u64 = 64;
const DEPTH_MAX: u64 = 8;
const FUNCTIONS_MAX: u64 = 50_000;
const CODE_BYTES_MAX: u64 = 32 << 20;
const LOCALS_MAX: u64 = 2_000_000;
/// Types, globals, imports, exports, aliases and the like, all together.
const ITEMS_MAX: u64 = 200_000;
const SEGMENTS_MAX: u64 = 50_000;
const ELEMENTS_MAX: u64 = 200_000;

/// Of one function.
const FUNCTION_BYTES_MAX: u64 = 1 << 20;
const FUNCTION_LOCALS_MAX: u64 = 5_000;
/// What the optimiser takes grows with the square of this.
const FUNCTION_NESTING_MAX: u64 = 10_000;
/// Of an import or export.
const NAME_BYTES_MAX: u64 = 4 << 10;

/// What was seen of a file so far.
pub(super) struct Bounds<'a> {
    ceiling: &'a Limits,
    file_bytes: usize,
    depth: u64,
    modules: Count,
    components: Count,
    instances: Count,
    memories: Count,
    memory_bytes: u64,
    /// Of the module that is being read.
    module_memories: u64,
    tables: Count,
    functions: Count,
    code_bytes: Count,
    locals: Count,
    items: Count,
    segments: Count,
    elements: Count,
}

struct Count {
    what: &'static str,
    seen: u64,
    max: u64,
}

impl Count {
    const fn of(what: &'static str, max: u64) -> Self {
        Self { what, seen: 0, max }
    }

    fn add(&mut self, more: impl Into<u64>) -> Result<(), LoadError> {
        self.seen = self.seen.saturating_add(more.into());
        at_most(self.seen, self.max, || format!("it holds more than {} {}", self.max, self.what))
    }
}

impl<'a> Bounds<'a> {
    pub fn new(ceiling: &'a Limits, file_bytes: usize) -> Self {
        Self {
            ceiling,
            file_bytes,
            depth: 0,
            modules: Count::of("modules", MODULES_MAX),
            components: Count::of("components", COMPONENTS_MAX),
            instances: Count::of("instances of modules", INSTANCES_MAX.into()),
            memories: Count::of("memories", MEMORIES_MAX.into()),
            memory_bytes: 0,
            module_memories: 0,
            tables: Count::of("tables", TABLES_MAX.into()),
            functions: Count::of("functions", FUNCTIONS_MAX),
            code_bytes: Count::of("bytes of code", CODE_BYTES_MAX),
            locals: Count::of("local variables", LOCALS_MAX),
            items: Count::of("types, globals, imports, exports and the like", ITEMS_MAX),
            segments: Count::of("segments of data and tables", SEGMENTS_MAX),
            elements: Count::of("elements for tables", ELEMENTS_MAX),
        }
    }

    pub fn see(&mut self, payload: &Payload<'_>) -> Result<(), LoadError> {
        match payload {
            Payload::Version { encoding, .. } => self.begin(*encoding),
            Payload::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(())
            }
            Payload::ModuleSection { unchecked_range, .. }
            | Payload::ComponentSection { unchecked_range, .. } => {
                // The parser is content with what there is of it.
                never(unchecked_range.end > self.file_bytes, || "the file is cut off".to_owned())
            }
            Payload::InstanceSection(section) => {
                for instance in section.clone() {
                    match instance.map_err(unreadable)? {
                        Instance::Instantiate { .. } => self.instances.add(1_u32)?,
                        Instance::FromExports(exports) => self.items.add(exports.len() as u64)?,
                    }
                }
                Ok(())
            }
            Payload::MemorySection(section) => section.clone().into_iter().try_for_each(|memory| {
                let memory = memory.map_err(unreadable)?;
                self.memories.add(1_u32)?;
                self.see_memory(&memory)?;
                self.see_size(&memory)
            }),
            Payload::TableSection(section) => section.clone().into_iter().try_for_each(|table| {
                self.tables.add(1_u32)?;
                self.see_table(&table.map_err(unreadable)?.ty)
            }),
            Payload::ImportSection(section) => {
                section.clone().into_imports().try_for_each(|import| {
                    let import = import.map_err(unreadable)?;
                    self.items.add(1_u32)?;
                    short(import.module)?;
                    short(import.name)?;
                    match &import.ty {
                        TypeRef::Memory(memory) => self.see_memory(memory),
                        _ => Ok(()),
                    }
                })
            }
            Payload::ExportSection(section) => section.clone().into_iter().try_for_each(|export| {
                self.items.add(1_u32)?;
                short(export.map_err(unreadable)?.name)
            }),
            Payload::ComponentImportSection(section) => {
                section.clone().into_iter().try_for_each(|import| {
                    self.items.add(1_u32)?;
                    short(import.map_err(unreadable)?.name.name)
                })
            }
            Payload::ComponentExportSection(section) => {
                section.clone().into_iter().try_for_each(|export| {
                    self.items.add(1_u32)?;
                    short(export.map_err(unreadable)?.name.name)
                })
            }
            Payload::TypeSection(section) => self.items.add(section.count()),
            Payload::CoreTypeSection(section) => self.items.add(section.count()),
            Payload::ComponentTypeSection(section) => self.items.add(section.count()),
            Payload::ComponentAliasSection(section) => self.items.add(section.count()),
            Payload::ComponentCanonicalSection(section) => self.items.add(section.count()),
            Payload::ComponentInstanceSection(section) => self.items.add(section.count()),
            Payload::GlobalSection(section) => self.items.add(section.count()),
            Payload::TagSection(section) => self.items.add(section.count()),
            Payload::DataSection(section) => self.segments.add(section.count()),
            Payload::ElementSection(section) => {
                self.segments.add(section.count())?;
                section.clone().into_iter().try_for_each(|segment| {
                    self.elements.add(match segment.map_err(unreadable)?.items {
                        ElementItems::Functions(items) => items.count(),
                        ElementItems::Expressions(_, items) => items.count(),
                    })
                })
            }
            Payload::CodeSectionStart { count, size, .. } => {
                self.functions.add(*count)?;
                self.code_bytes.add(*size)
            }
            Payload::CodeSectionEntry(body) => self.see_body(body),
            _ => Ok(()),
        }
    }

    /// A module or a component begins, the file itself first.
    fn begin(&mut self, encoding: Encoding) -> Result<(), LoadError> {
        self.depth += 1;
        at_most(self.depth, DEPTH_MAX, || {
            format!("components lie more than {DEPTH_MAX} deep in each other")
        })?;
        match encoding {
            Encoding::Component => self.components.add(1_u32),
            Encoding::Module if self.depth == 1 => Err(LoadError::Scan(
                "it is a core module, not a component; build it with --target wasm32-wasip2"
                    .to_owned(),
            )),
            Encoding::Module => {
                self.module_memories = 0;
                self.modules.add(1_u32)
            }
        }
    }

    fn see_memory(&mut self, memory: &MemoryType) -> Result<(), LoadError> {
        self.module_memories += 1;
        let without = "which detectors do not have";
        never(memory.memory64, || format!("it has a 64-bit memory, {without}"))?;
        never(memory.shared, || format!("it has a shared memory, {without}"))?;
        never(memory.page_size_log2.is_some(), || {
            format!("it has a memory with pages of its own size, {without}")
        })?;
        never(self.module_memories > 1, || {
            format!("one of its modules has several memories, {without}")
        })
    }

    fn see_size(&mut self, memory: &MemoryType) -> Result<(), LoadError> {
        self.memory_bytes =
            self.memory_bytes.saturating_add(memory.initial.saturating_mul(64 << 10));
        at_most(self.memory_bytes, self.ceiling.memory_bytes as u64, || {
            format!(
                "it begins with {} bytes of memory; {} are allowed (detector_memory_bytes)",
                self.memory_bytes, self.ceiling.memory_bytes
            )
        })
    }

    fn see_table(&self, table: &TableType) -> Result<(), LoadError> {
        never(table.table64, || "it has a 64-bit table, which detectors do not have".to_owned())?;
        at_most(table.initial, self.ceiling.table_elements as u64, || {
            format!(
                "a table begins with {} elements; {} are allowed",
                table.initial, self.ceiling.table_elements
            )
        })
    }

    fn see_body(&mut self, body: &FunctionBody<'_>) -> Result<(), LoadError> {
        at_most(body.range().len() as u64, FUNCTION_BYTES_MAX, || {
            format!("a function is longer than {FUNCTION_BYTES_MAX} bytes")
        })?;
        let mut locals = 0;
        for group in body.get_locals_reader().map_err(unreadable)? {
            locals += u64::from(group.map_err(unreadable)?.0);
        }
        at_most(locals, FUNCTION_LOCALS_MAX, || {
            format!("a function has more than {FUNCTION_LOCALS_MAX} locals")
        })?;
        self.locals.add(locals)?;
        let mut nesting: u64 = 0;
        let mut operators = body.get_operators_reader().map_err(unreadable)?;
        while !operators.eof() {
            match operators.read().map_err(unreadable)? {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                    nesting += 1;
                    at_most(nesting, FUNCTION_NESTING_MAX, || {
                        format!(
                            "blocks of a function lie more than {FUNCTION_NESTING_MAX} deep in each other"
                        )
                    })?;
                }
                Operator::End => nesting = nesting.saturating_sub(1),
                _ => {}
            }
        }
        Ok(())
    }
}

fn short(name: &str) -> Result<(), LoadError> {
    at_most(name.len() as u64, NAME_BYTES_MAX, || {
        format!("the name of an import or export is longer than {NAME_BYTES_MAX} bytes")
    })
}

fn never(is: bool, why: impl FnOnce() -> String) -> Result<(), LoadError> {
    match is {
        true => Err(LoadError::Scan(why())),
        false => Ok(()),
    }
}

fn at_most(number: u64, max: u64, why: impl FnOnce() -> String) -> Result<(), LoadError> {
    never(number > max, why)
}
