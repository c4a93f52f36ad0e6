;; A detector that answers with its first input: a list of integers becomes, as it lies in memory, the
;; result of `evaluate`. So a test says every byte of an answer, the pointers in it included.
(module
  (memory (export "memory") 8)
  (global $free (mut i32) (i32.const 65536))

  ;; The first text of an event lies at 65536, and what follows is behind it, aligned.
  (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32)
    (result i32) (local $at i32)
    (local.set $at
      (i32.and
        (i32.add (global.get $free) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (global.set $free (i32.add (local.get $at) (local.get $size)))
    (local.get $at))

  ;; At 8: pointer and length of the manifest. At 16: an ok of nothing.
  (data (i32.const 8) "\20\00\00\00\f2\00\00\00")
  (data (i32.const 32)
    "{\"schema\":1,\"name\":\"echo\",\"version\":\"1.0.0\",\"summary\":\"Answers what it is told.\",\"labels\":[\"safety.echo\",\"bid.echo\"],"
    "\"events\":[\"*\"],\"inputs\":[{\"kind\":\"field\",\"path\":\"data.a\"},{\"kind\":\"field\",\"path\":\"data.b\"},{\"kind\":\"field\",\"path\":\"data.c\"}]}")

  (func (export "picket:detector/detector@1.0.0#describe") (result i32)
    (i32.const 8))

  (func (export "picket:detector/detector@1.0.0#configure") (param i32 i32) (result i32)
    (i32.const 16))

  ;; A value is its case in a byte, and from the 8th byte on its payload: here pointer and length.
  (func (export "picket:detector/detector@1.0.0#evaluate")
    (param i32 i32 i32 i32 i64) (param $inputs i32) (param i32) (result i32)
    (select
      (i32.load offset=8 (local.get $inputs))
      (i32.const 16)
      (i32.eq (i32.load8_u (local.get $inputs)) (i32.const 6)))))
