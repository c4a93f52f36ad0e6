//! Divides what would keep a guest from its clock. Wasmtime looks at the clock where a loop begins anew and
//! where a function is entered: not within an instruction that fills all the memory, and not in a function
//! that goes straight on for a million instructions.
//!
//! So before a file is compiled, a long instruction becomes a loop of short ones, and an empty loop stands
//! after every so many instructions. Nothing can tell the difference but the clock: of an instruction that
//! traps half-way through, nobody sees what the first half did, for the instance ends with it.

mod pieces;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ops::Range;

use pieces::{Long, PIECE_BYTES};
use wasm_encoder::reencode::{self, Reencode, utils};
use wasm_encoder::{
    BlockType, CodeSection, Component, ComponentSectionId, FunctionSection, Instruction, Module,
    ModuleSection, NestedComponentSection, RawSection, TypeSection,
};
use wasmparser::{
    BinaryReaderError, Chunk, CodeSectionReader, CustomSectionReader, FunctionBody,
    FunctionSectionReader, Operator, Parser, Payload, TypeRef, TypeSectionReader,
};

/// Instructions from one look at the clock to the next. Each may touch memory that was never touched.
const STEPS: u32 = 1_000;

/// Raised with every change of what is made of a file: code that was compiled before is then compiled
/// again.
pub(super) const FORM: u32 = 1;

/// The file, divided; `None` where there is nothing to divide, or it cannot be read: then it is said
/// elsewhere what is wrong with it.
pub(super) fn divided(file: &[u8]) -> Option<Vec<u8>> {
    let (component, any) = component(file, Parser::new(0), 0..file.len())?;
    any.then(|| component.finish())
}

/// Every section as it is, but for the modules. Also whether anything was divided.
fn component(file: &[u8], mut parser: Parser, range: Range<usize>) -> Option<(Component, bool)> {
    let (mut made, mut any) = (Component::new(), false);
    let mut at = range.start;
    while at < range.end {
        let Ok(Chunk::Parsed { consumed, payload }) = parser.parse(file.get(at..range.end)?, true)
        else {
            return None;
        };
        at += consumed;
        match payload {
            Payload::ModuleSection { unchecked_range: inner, .. } => {
                at = inner.end;
                let bytes = file.get(inner.clone())?;
                match divided_module(bytes).ok()? {
                    Some(module) => {
                        any = true;
                        made.section(&ModuleSection(&module));
                    }
                    None => drop(made.section(&RawSection {
                        id: ComponentSectionId::CoreModule.into(),
                        data: bytes,
                    })),
                }
            }
            Payload::ComponentSection { parser, unchecked_range: inner } => {
                at = inner.end;
                let (inner, more) = component(file, parser, inner)?;
                any |= more;
                made.section(&NestedComponentSection(&inner));
            }
            payload => {
                if let Some((id, section)) = payload.as_section() {
                    made.section(&RawSection { id, data: file.get(section)? });
                }
            }
        }
    }
    Some((made, any))
}

/// What a module has, and what is put behind it: so no index of its own changes.
#[derive(Default)]
struct Divider {
    types: u32,
    functions: u32,
    long: BTreeSet<Long>,
}

type Result<T, E = reencode::Error<Infallible>> = std::result::Result<T, E>;

fn divided_module(bytes: &[u8]) -> Result<Option<Module>> {
    let (mut divider, mut steps_max) = (Divider::default(), 0);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::TypeSection(section) => {
                for group in section {
                    divider.types += group?.types().len() as u32;
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let function = matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_));
                    divider.functions += u32::from(function);
                }
            }
            Payload::FunctionSection(section) => divider.functions += section.count(),
            Payload::CodeSectionEntry(body) => {
                steps_max = steps_max.max(divider.see(&body)?);
            }
            _ => {}
        }
    }
    if divider.long.is_empty() && steps_max <= STEPS {
        return Ok(None);
    }
    let mut module = Module::new();
    divider.parse_core_module(&mut module, Parser::new(0), bytes)?;
    Ok(Some(module))
}

impl Divider {
    /// Notes what is long in a function, and counts its instructions.
    fn see(&mut self, body: &FunctionBody<'_>) -> Result<u32, BinaryReaderError> {
        let (mut steps, mut before) = (0, None);
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let operator = operators.read()?;
            self.long.extend(long(before.as_ref(), &operator));
            steps += 1;
            before = Some(operator);
        }
        Ok(steps)
    }

    /// The function that does in pieces what the instruction does at once.
    fn function_of(&self, long: Long) -> Option<u32> {
        let place = self.long.iter().position(|known| *known == long)?;
        Some(self.functions + u32::try_from(place).ok()?)
    }
}

/// Whether the instruction may be long, knowing the one before it: compilers write a length that they know
/// right before it, and such a short one is compiled to a few moves.
fn long(before: Option<&Operator<'_>>, operator: &Operator<'_>) -> Option<Long> {
    let short = |value: i32| (value as u32) <= PIECE_BYTES;
    match before {
        Some(Operator::I32Const { value }) if short(*value) => None,
        _ => Long::of(operator),
    }
}

impl Reencode for Divider {
    type Error = Infallible;

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: TypeSectionReader<'_>,
    ) -> Result<()> {
        utils::parse_type_section(self, types, section)?;
        types.ty().function(pieces::OPERANDS, []);
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<()> {
        utils::parse_function_section(self, functions, section)?;
        for _ in &self.long {
            functions.function(self.types);
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<()> {
        utils::parse_code_section(self, code, section)?;
        for long in &self.long {
            code.function(&long.in_pieces());
        }
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<()> {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        let (mut steps, mut before) = (0, None);
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let operator = operators.read()?;
            if steps == STEPS {
                function.instructions().loop_(BlockType::Empty).end();
                steps = 0;
            }
            steps += 1;
            match long(before.as_ref(), &operator).and_then(|long| self.function_of(long)) {
                Some(in_pieces) => function.instruction(&Instruction::Call(in_pieces)),
                None => function.instruction(&self.instruction(operator.clone())?),
            };
            before = Some(operator);
        }
        code.function(&function);
        Ok(())
    }

    /// What they say of places in the code would be wrong, and nobody reads it.
    fn parse_custom_section(&mut self, _: &mut Module, _: CustomSectionReader<'_>) -> Result<()> {
        Ok(())
    }
}
