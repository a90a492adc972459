// Python buffers (bytes, mmap, memoryview) held by native objects without copying.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "bind/module.h"

// A read view on an object that supports the buffer protocol. While it lives the object cannot be closed or
// resized. May be destroyed on any thread; it takes the GIL to let go.
class PyBufferView {
  public:
    explicit PyBufferView(nb::handle object) {
        if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_SIMPLE) != 0) nb::raise_python_error();
    }
    PyBufferView(const PyBufferView&) = delete;
    PyBufferView& operator=(const PyBufferView&) = delete;
    ~PyBufferView() {
        if (!Py_IsInitialized()) return;  // the interpreter is gone and its memory with it
        nb::gil_scoped_acquire acquire;
        PyBuffer_Release(&view_);
    }
    std::span<const uint8_t> bytes() const {
        return {static_cast<const uint8_t*>(view_.buf), static_cast<size_t>(view_.len)};
    }

  private:
    Py_buffer view_{};
};

inline nb::bytes to_bytes(std::span<const uint8_t> data) {
    return nb::bytes(reinterpret_cast<const char*>(data.data()), data.size());
}
