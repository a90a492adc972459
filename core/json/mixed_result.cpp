#include "json/mixed_result.h"

#include "json/histogram.h"
#include "json/number.h"
#include "json/result.h"

namespace narthex {

namespace {

void write_point(std::string& out, int64_t t, double cell, const HistogramPool& pool) {
    char buffer[64];
    out += '[';
    out.append(buffer, static_cast<size_t>(write_seconds(buffer, t) - buffer));
    out += ',';
    if (is_histogram_cell(cell)) {
        write_histogram(out, pool.at(cell));
    } else {
        out += '"';
        out.append(buffer, static_cast<size_t>(write_value(buffer, cell) - buffer));
        out += '"';
    }
    out += ']';
}

// The points of a row that `wanted` picks, as a list of this name. time(k) and cell(k) give the row's points.
template <typename Time, typename Cell, typename Wanted>
void write_list(std::string& out, const char* name, size_t n, const HistogramPool& pool, Time&& time,
                Cell&& cell, Wanted&& wanted) {
    bool any = false;
    for (size_t k = 0; k < n; ++k) {
        if (!wanted(cell(k))) continue;
        if (any) {
            out += ',';
        } else {
            out.append(",\"").append(name).append("\":[");
            any = true;
        }
        write_point(out, time(k), cell(k), pool);
    }
    if (any) out += ']';
}

template <typename Time, typename Cell>
void write_row(std::string& out, const LabelSets& rows, size_t row, size_t n, const HistogramPool& pool,
               Time&& time, Cell&& cell) {
    size_t present = 0;
    for (size_t k = 0; k < n; ++k) present += !is_stale(cell(k));
    if (present == 0) return;
    out += out == "[" ? "{\"metric\":" : ",{\"metric\":";
    write_labels(out, rows, row);
    write_list(out, "values", n, pool, time, cell, is_number);
    write_list(out, "histograms", n, pool, time, cell, is_histogram_cell);
    out += '}';
}

}  // namespace

std::string mixed_vector_json(const LabelSets& rows, const double* cells, int64_t t,
                              const HistogramPool& pool) {
    std::string out = "[";
    for (size_t i = 0; i < rows.rows(); ++i) {
        if (is_stale(cells[i])) continue;
        out += out.size() > 1 ? ",{\"metric\":" : "{\"metric\":";
        write_labels(out, rows, i);
        out += is_histogram_cell(cells[i]) ? ",\"histogram\":" : ",\"value\":";
        write_point(out, t, cells[i], pool);
        out += '}';
    }
    out += ']';
    return out;
}

std::string mixed_matrix_json(const LabelSets& rows, const double* cells, const StepGrid& grid,
                              RowRange range, const HistogramPool& pool) {
    std::string out = range.first == 0 ? "[" : "";
    for (size_t i = range.first; i < range.last; ++i) {
        const double* own = cells + i * grid.count;
        write_row(
            out, rows, i, grid.count, pool, [&](size_t k) { return grid.at(k); },
            [&](size_t k) { return own[k]; });
    }
    if (range.last == rows.rows()) out += ']';
    return out;
}

std::string mixed_samples_json(const LabelSets& rows, std::span<const uint64_t> offsets, const int64_t* times,
                               const double* cells, const HistogramPool& pool) {
    std::string out = "[";
    for (size_t i = 0; i < rows.rows(); ++i) {
        size_t first = offsets[i];
        write_row(
            out, rows, i, offsets[i + 1] - first, pool, [&](size_t k) { return times[first + k]; },
            [&](size_t k) { return cells[first + k]; });
    }
    out += ']';
    return out;
}

}  // namespace narthex
