// The value of an attribute as a label's text.
#pragma once

#include <string>

#include "bytes/protobuf.h"

namespace narthex {

// Values nest this deep at most.
inline constexpr int kMostOtlpNesting = 32;

// Reads an AnyValue and appends its text, as OpenTelemetry's Go libraries (pdata's AsString) have it: strings
// as they are, numbers as JSON has them, bytes as base64, lists and maps as JSON (keys sorted), nothing for
// no value. Throws DecodeError.
void append_any_value(ProtoReader in, std::string& out);

}  // namespace narthex
