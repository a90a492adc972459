// Typed failures of the core: every one says what was wrong and where in the input.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

namespace narthex {

// Input bytes do not have the promised form. `offset` counts bytes from the start of the given buffer.
class DecodeError : public std::runtime_error {
  public:
    DecodeError(const std::string& what, size_t offset)
        : std::runtime_error(what + " at byte " + std::to_string(offset)), offset_(offset) {}
    // The same failure with a word on where it happened.
    DecodeError(const std::string& where, const DecodeError& inner)
        : std::runtime_error(where + ": " + inner.what()), offset_(inner.offset_) {}
    size_t offset() const { return offset_; }

  private:
    size_t offset_;
};

// A query asked for more than its limits allow (samples or output points).
class LimitError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// The caller raised the cancel flag while a kernel ran.
class CanceledError : public std::runtime_error {
  public:
    CanceledError() : std::runtime_error("canceled") {}
};

}  // namespace narthex
