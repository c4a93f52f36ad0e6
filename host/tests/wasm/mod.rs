//! WebAssembly by the byte, for files that no tool would write.
#![allow(dead_code, reason = "each test binary uses what it needs")]

/// A component that holds these modules and instantiates none.
pub fn component(modules: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"\0asm\x0d\0\x01\0".to_vec();
    for module in modules {
        file.extend(section(1, module));
    }
    file
}

/// A module of these sections.
pub fn module(sections: &[Vec<u8>]) -> Vec<u8> {
    [b"\0asm\x01\0\0\0".to_vec(), sections.concat()].concat()
}

/// A module of functions without parameters or results, each with these locals (of type i32) and
/// this body, `end` excluded.
pub fn functions(count: usize, locals: usize, body: &[u8]) -> Vec<u8> {
    let locals = match locals {
        0 => vec![0],
        _ => [&[1][..], &leb(locals), &[0x7f]].concat(),
    };
    let code = [&*locals, body, &[0x0b]].concat();
    let code = [leb(code.len()), code].concat();
    module(&[
        section(1, &[1, 0x60, 0, 0]),
        section(3, &many(count, &[0])),
        section(10, &many(count, &code)),
    ])
}

/// A body: `block` in `block`.
pub fn nested(depth: usize) -> Vec<u8> {
    [[0x02, 0x40].repeat(depth), [0x0b].repeat(depth)].concat()
}

/// A section by its number.
pub fn section(id: u8, body: &[u8]) -> Vec<u8> {
    [&[id][..], &leb(body.len()), body].concat()
}

/// A list of the same item.
pub fn many(count: usize, item: &[u8]) -> Vec<u8> {
    [leb(count), item.repeat(count)].concat()
}

/// A number as WebAssembly writes it.
pub fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).expect("seven bits");
        number >>= 7;
        match number {
            0 => {
                bytes.push(low);
                return bytes;
            }
            _ => bytes.push(low | 0x80),
        }
    }
}
