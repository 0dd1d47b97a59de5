(module ;; a loop without end and without a call
  (memory (export "memory") 1)
  (func (export "_start") (loop $again (br $again))))
