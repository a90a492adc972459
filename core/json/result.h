// Query results as the JSON of Prometheus' HTTP API: what stands in "result" of a response.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "labels/label_sets.h"
#include "query/grid.h"
#include "query/select.h"

namespace narthex {

// A JSON string literal. Bytes that are not valid UTF-8 are the caller's: stored labels are valid.
void write_string(std::string& out, std::string_view s);

// {"name":"value",...} in the row's order.
void write_labels(std::string& out, const LabelSets& rows, size_t row);

// [{"metric":{...},"values":[[t,"v"],...]},...]: absent cells and rows without any are left out.
// `cells` is rows x grid.count. Answers are large, so they are written into memory of the caller's: `bound`
// bytes at most, of which `write` uses a part. Of a range of rows that is not all, the text is that part of
// the whole that tells of them, with the brackets and commas around it: every row must have a value then.
class MatrixJson {
  public:
    MatrixJson(const LabelSets& rows, const double* cells, const StepGrid& grid, RowRange range);
    size_t bound() const { return bound_; }
    // Returns the end of what was written.
    char* write(char* out) const;

  private:
    static constexpr size_t kTimeSpace = 32;

    RowRange range_;
    bool ends_;  // with the last row
    const double* cells_;
    size_t steps_;
    std::string times_;  // "[t,\"" of every step, kTimeSpace bytes apart
    std::vector<uint8_t> time_sizes_;
    std::string heads_;  // what stands before the points of every row
    std::vector<size_t> head_ends_;
    size_t bound_ = 0;
};

// The same shape for rows whose samples are at times of their own: row i has [offsets[i], offsets[i + 1]) of
// the columns. `offsets` has one more than rows, ascending.
class SamplesJson {
  public:
    SamplesJson(const LabelSets& rows, std::span<const uint64_t> offsets, const int64_t* times,
                const double* values);
    size_t bound() const { return bound_; }
    char* write(char* out) const;

  private:
    std::span<const uint64_t> offsets_;
    const int64_t* times_;
    const double* values_;
    std::string heads_;
    std::vector<size_t> head_ends_;
    size_t bound_ = 0;
};

// [{"metric":{...},"value":[t,"v"]},...] of a single step; `t` in milliseconds.
std::string vector_json(const LabelSets& rows, const double* cells, int64_t t);

// [t,"v"]
std::string point_json(int64_t t, double value);

// [t,"text"]
std::string text_json(int64_t t, std::string_view text);

}  // namespace narthex
