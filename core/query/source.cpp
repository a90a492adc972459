#include "query/source.h"

#include <algorithm>

#include "chunk/stale.h"

namespace narthex {

namespace {

void read_matrix_row(const MatrixView& m, size_t row, int64_t mint, int64_t maxt, SampleBuffer& buffer) {
    buffer.clear();
    buffer.reserve_more(m.grid.count);
    const double* cells = m.row(row);
    for (size_t k = 0; k < m.grid.count; ++k) {
        int64_t t = m.grid.at(k);
        if (t < mint || t > maxt || is_stale(cells[k])) continue;
        buffer.push(t, cells[k]);
    }
}

}  // namespace

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
    size_t first = 0;
    while (first < s.n && !is_stale(s.v[first])) ++first;
    if (first == s.n) return s;
    int64_t* t = buffer.times();
    double* v = buffer.values();
    size_t kept = first;
    for (size_t i = first; i < s.n; ++i) {
        t[kept] = t[i];
        v[kept] = v[i];
        kept += !is_stale(v[i]);
    }
    buffer.resize_down(kept);
    return {buffer.times(), buffer.values(), kept};
}

}  // namespace narthex
