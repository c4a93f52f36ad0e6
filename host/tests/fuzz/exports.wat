;; What a core module has to export to become a detector.
(module
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
  (func (export "picket:detector/detector@1.0.0#describe") (result i32) unreachable)
  (func (export "picket:detector/detector@1.0.0#configure") (param i32 i32) (result i32) unreachable)
  (func (export "picket:detector/detector@1.0.0#evaluate")
    (param i32 i32 i32 i32 i64 i32 i32) (result i32) unreachable))
