// Query results as the JSON of Prometheus' HTTP API: what stands in "result" of a response.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "labels/label_sets.h"
#include "query/grid.h"

namespace narthex {

// A JSON string literal. Bytes that are not valid UTF-8 are the caller's: stored labels are valid.
void write_string(std::string& out, std::string_view s);

// {"name":"value",...} in the row's order.
void write_labels(std::string& out, const LabelSets& rows, size_t row);

// [{"metric":{...},"values":[[t,"v"],...]},...]: absent cells and rows without any are left out.
// `cells` is rows x grid.count.
std::string matrix_json(const LabelSets& rows, const double* cells, const StepGrid& grid);

// [{"metric":{...},"value":[t,"v"]},...] of a single step; `t` in milliseconds.
std::string vector_json(const LabelSets& rows, const double* cells, int64_t t);

// [t,"v"]
std::string point_json(int64_t t, double value);

// [t,"text"]
std::string text_json(int64_t t, std::string_view text);

}  // namespace narthex
