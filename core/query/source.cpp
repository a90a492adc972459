#include "query/source.h"

#include <algorithm>

#include "histogram/reset.h"

namespace narthex {

namespace {

void read_matrix_row(const MatrixView& m, size_t row, int64_t mint, int64_t maxt, SampleBuffer& buffer) {
    buffer.clear();
    buffer.reserve_more(m.grid.count);
    const double* cells = m.row(row);
    for (size_t k = 0; k < m.grid.count; ++k) {
        int64_t t = m.grid.at(k);
        if (t < mint || t > maxt || !is_number(cells[k])) continue;
        buffer.push(t, cells[k]);
    }
}

// Whether a value is a signaling NaN, as stale markers and what passes for a reference are: one comparison
// tells, and hardly any other value is.
bool special(double v) {
    constexpr uint64_t kInfinity = 0xffe0000000000000, kQuiet = 0xfff0000000000000;  // without their sign
    return (std::bit_cast<uint64_t>(v) << 1) - kInfinity - 1 < kQuiet - kInfinity - 1;
}

void read_matrix_histograms(const MatrixView& m, size_t row, int64_t mint, int64_t maxt,
                            HistogramSamples& out) {
    const double* cells = m.row(row);
    for (size_t k = 0; k < m.grid.count; ++k) {
        int64_t t = m.grid.at(k);
        if (t < mint || t > maxt || !is_histogram_cell(cells[k])) continue;
        FloatHistogramView value = m.pool->at(cells[k]);
        if (value.hint != ResetHint::kGauge) value.hint = ResetHint::kUnknown;
        out.times.push_back(t);
        out.starts.push_back(0);
        out.values.push_back(value);
    }
}

// Resets are found while there are buckets.
void drop_buckets(HistogramSamples& h) {
    static const SharedBounds kNoBounds;
    const FloatHistogramView* last = nullptr;
    std::vector<ResetHint> hints;
    for (size_t i = 0; i < h.size(); ++i) {
        const FloatHistogramView& value = h.values[i];
        ResetHint hint = value.hint;
        if (!h.stale(i)) {
            if (hint == ResetHint::kUnknown && last)
                hint = counter_reset(*last, value) ? ResetHint::kReset : ResetHint::kNotReset;
            last = &value;
        }
        hints.push_back(hint);
    }
    for (size_t i = 0; i < h.size(); ++i) {
        FloatHistogramView& value = h.values[i];
        value = {value.schema, hints[i], 0, 0, value.count, value.sum, {}, {}, &kNoBounds};
    }
}

}  // namespace

void HistogramSamples::drop_stale() {
    size_t kept = 0;
    for (size_t i = 0; i < size(); ++i) {
        if (stale(i)) continue;
        times[kept] = times[i];
        starts[kept] = starts[i];
        values[kept++] = values[i];
    }
    times.resize(kept);
    starts.resize(kept);
    values.erase(values.begin() + static_cast<ptrdiff_t>(kept), values.end());
}

size_t HistogramSamples::samples() const {
    size_t n = 0;
    for (const FloatHistogramView& value : values) n += value.samples();
    return n;
}

bool SampleSource::holds_histograms(size_t row) const {
    if (batch_) {
        auto chunks = batch_->row(row);
        return std::any_of(chunks.begin(), chunks.end(),
                           [](const ChunkView& c) { return is_histogram(c.encoding); });
    }
    if (!matrix_.pool || matrix_.pool->size() == 0) return false;
    const double* cells = matrix_.row(row);
    return std::any_of(cells, cells + matrix_.grid.count, is_histogram_cell);
}

bool SampleSource::holds_start_times(size_t row) const {
    if (!batch_) return false;
    auto chunks = batch_->row(row);
    return std::any_of(chunks.begin(), chunks.end(), [](const ChunkView& c) { return c.has_start_times(); });
}

void SampleSource::read_histograms(size_t row, const StepGrid& grid, int64_t range,
                                   HistogramSamples& out) const {
    out.clear();
    if (grid.count == 0) return;
    int64_t mint = grid.start - range + 1, maxt = grid.last();
    if (!batch_) return read_matrix_histograms(matrix_, row, mint, maxt, out);
    decode_histograms(*batch_, row, mint, maxt, out.columns);
    out.columns.to_floats();
    out.decoded.emplace(out.columns);
    out.times = out.columns.times;
    out.starts = out.columns.start_times;
    for (size_t i = 0; i < out.columns.size(); ++i) out.values.push_back(out.decoded->at(i));
    if (bucketless_) drop_buckets(out);
}

Samples SampleSource::read(size_t row, const StepGrid& grid, int64_t range, SampleBuffer& buffer) const {
    if (grid.count == 0) return {nullptr, nullptr, 0};
    int64_t mint = grid.start - range + 1, maxt = grid.last();
    if (!batch_) {
        read_matrix_row(matrix_, row, mint, maxt, buffer);
    } else if (grid.step > range) {
        // There are gaps between the windows: chunks in them need no decoding.
        decode_row(*batch_, row, WindowSet{grid.start, grid.step, grid.count, range}, buffer);
    } else {
        decode_row(*batch_, row, mint, maxt, buffer);
    }
    return {buffer.times(), buffer.values(), buffer.size()};
}

Samples SampleSource::read_values(size_t row, const StepGrid& grid, int64_t range,
                                  SampleBuffer& buffer) const {
    Samples s = read(row, grid, range, buffer);
    if (!any_nan(s)) return s;
    size_t first = 0;
    while (first < s.n && !special(s.v[first])) ++first;
    if (first == s.n) return s;
    int64_t* t = buffer.times();
    double* v = buffer.values();
    size_t kept = first;
    for (size_t i = first; i < s.n; ++i) {
        t[kept] = t[i];
        v[kept] = number_cell(v[i]);
        kept += !is_stale(v[i]);
    }
    buffer.resize_down(kept);
    return {buffer.times(), buffer.values(), kept};
}

Samples SampleSource::read_with_starts(size_t row, const StepGrid& grid, int64_t range,
                                       SampleBuffer& buffer) const {
    if (grid.count == 0 || !holds_start_times(row)) return read(row, grid, range, buffer);
    thread_local std::vector<int64_t> starts;
    decode_row(*batch_, row, grid.start - range + 1, grid.last(), buffer, &starts);
    return {buffer.times(), buffer.values(), buffer.size(), starts.data()};
}

Samples SampleSource::read_values_with_starts(size_t row, const StepGrid& grid, int64_t range,
                                              SampleBuffer& buffer) const {
    if (!holds_start_times(row)) return read_values(row, grid, range, buffer);
    Samples s = read_with_starts(row, grid, range, buffer);
    thread_local std::vector<int64_t> starts;
    starts.clear();
    size_t kept = 0;
    for (size_t i = 0; i < s.n; ++i) {
        if (is_stale(s.v[i])) continue;
        buffer.times()[kept] = s.t[i];
        buffer.values()[kept++] = number_cell(s.v[i]);
        starts.push_back(s.starts[i]);
    }
    buffer.resize_down(kept);
    return {buffer.times(), buffer.values(), kept, starts.data()};
}

}  // namespace narthex
