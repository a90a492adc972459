// Numbers as Prometheus writes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace narthex {

// Room that every number written below fits into.
inline constexpr size_t kNumberSpace = 400;

// Shortest text that reads back to the same double. An exponent is used below 1e-6 and from 1e21 on (two
// digits less padding: 1e-7, 1e+21). NaN, +Inf, -Inf. Writes at most 32 bytes and returns the end.
char* write_value(char* out, double v);

// The same without ever an exponent (Go's 'f', -1); at most kNumberSpace bytes.
char* write_plain(char* out, double v);
std::string format_plain(double v);

// With an exponent below 1e-4 and from 1e6 on, of two digits at least: 1e-05, 1.5e+06 (Go's 'g', -1). At most
// 32 bytes.
char* write_general(char* out, double v);

// Milliseconds as seconds: 1435781430.781, three decimals unless they are 000. At most 24 bytes.
char* write_seconds(char* out, int64_t ms);

}  // namespace narthex
