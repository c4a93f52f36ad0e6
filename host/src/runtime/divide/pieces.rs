//! The instructions that may be long, and the function that does each of them in pieces.

use wasm_encoder::{BlockType, Function, InstructionSink, ValType};
use wasmparser::Operator;

/// What one instruction may write. It takes some 60 µs where the memory was never touched.
pub(super) const PIECE_BYTES: u32 = 256 << 10;

/// Of each of them, and of the function in its place: to where, what or from where, how many bytes.
pub(super) const OPERANDS: [ValType; 3] = [ValType::I32; 3];
const TO: u32 = 0;
const FROM: u32 = 1;
const BYTES: u32 = 2;

/// An instruction that takes as long as its last operand says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Long {
    Fill,
    Copy,
    /// From this segment of data.
    Init(u32),
}

impl Long {
    /// A module has one memory at most, or was refused before. What tables hold is soon copied.
    pub fn of(operator: &Operator<'_>) -> Option<Self> {
        match operator {
            Operator::MemoryFill { mem: 0 } => Some(Self::Fill),
            Operator::MemoryCopy { dst_mem: 0, src_mem: 0 } => Some(Self::Copy),
            Operator::MemoryInit { mem: 0, data_index } => Some(Self::Init(*data_index)),
            _ => None,
        }
    }

    /// Does what the instruction does, a piece at a time, and traps where it traps.
    pub fn in_pieces(self) -> Function {
        let mut function = Function::new([]);
        let mut code = function.instructions();
        match self {
            Self::Fill => self.upwards(&mut code, &[TO]),
            Self::Init(_) => self.upwards(&mut code, &[TO, FROM]),
            Self::Copy => {
                // Where the two overlap, nothing may be written before it is read.
                code.local_get(TO).local_get(FROM).i32_gt_u().if_(BlockType::Empty);
                self.downwards(&mut code);
                code.else_();
                self.upwards(&mut code, &[TO, FROM]);
                code.end();
            }
        }
        self.instruction(code.local_get(TO).local_get(FROM).local_get(BYTES));
        code.end();
        function
    }

    /// All pieces but the last, from the lowest address on; these operands move along.
    fn upwards(self, code: &mut InstructionSink<'_>, moving: &[u32]) {
        while_more_than_a_piece(code, |code| {
            self.instruction(code.local_get(TO).local_get(FROM).i32_const(PIECE));
            for operand in moving {
                code.local_get(*operand).i32_const(PIECE).i32_add().local_set(*operand);
            }
            code.local_get(BYTES).i32_const(PIECE).i32_sub().local_set(BYTES);
        });
    }

    /// All pieces but the last, from the highest address on.
    fn downwards(self, code: &mut InstructionSink<'_>) {
        while_more_than_a_piece(code, |code| {
            code.local_get(BYTES).i32_const(PIECE).i32_sub().local_set(BYTES);
            for operand in [TO, FROM] {
                code.local_get(operand).local_get(BYTES).i32_add();
            }
            self.instruction(code.i32_const(PIECE));
        });
    }

    fn instruction(self, code: &mut InstructionSink<'_>) {
        match self {
            Self::Fill => code.memory_fill(0),
            Self::Copy => code.memory_copy(0, 0),
            Self::Init(segment) => code.memory_init(0, segment),
        };
    }
}

/// As an operand.
const PIECE: i32 = PIECE_BYTES as i32;

fn while_more_than_a_piece(
    code: &mut InstructionSink<'_>,
    body: impl FnOnce(&mut InstructionSink<'_>),
) {
    code.block(BlockType::Empty).loop_(BlockType::Empty);
    code.local_get(BYTES).i32_const(PIECE).i32_le_u().br_if(1);
    body(code);
    code.br(0).end().end();
}
