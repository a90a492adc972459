#include "query/columns.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <stdexcept>
#include <unordered_map>

#include "chunk/stale.h"
#include "histogram/text.h"
#include "json/number.h"
#include "query/quantile.h"

namespace narthex {

std::vector<std::vector<uint32_t>> rows_by_group(const GroupedCells& in) {
    std::vector<std::vector<uint32_t>> out(in.groups);
    for (size_t i = 0; i < in.ids.size(); ++i) {
        if (in.ids[i] >= in.groups) throw std::out_of_range("no such group");
        out[in.ids[i]].push_back(static_cast<uint32_t>(i));
    }
    return out;
}

namespace {

struct Entry {
    double value;
    uint32_t row;
};

// Steps are gathered a cache line at a time.
constexpr size_t kLine = 8;

// Calls f(group, step, entries) with the present values of the group at the step, in row order.
template <typename F>
void each_column(const GroupedCells& in, QueryBudget& budget, F&& f) {
    std::vector<Entry> columns[kLine];
    auto groups = rows_by_group(in);
    for (size_t g = 0; g < groups.size(); ++g) {
        for (size_t k = 0; k < in.steps; k += kLine) {
            budget.check();
            size_t width = std::min(kLine, in.steps - k);
            for (size_t c = 0; c < width; ++c) columns[c].clear();
            for (uint32_t row : groups[g]) {
                const double* cells = in.cells + row * in.steps + k;
                for (size_t c = 0; c < width; ++c) {
                    if (!is_stale(cells[c])) columns[c].push_back({cells[c], row});
                }
            }
            for (size_t c = 0; c < width; ++c) f(g, k + c, columns[c]);
        }
    }
}

}  // namespace

void quantile_columns(const GroupedCells& in, const double* q, QueryBudget& budget, double* out) {
    std::vector<double> values;
    each_column(in, budget, [&](size_t group, size_t step, const std::vector<Entry>& entries) {
        values.clear();
        for (const Entry& e : entries) values.push_back(e.value);
        out[group * in.steps + step] =
            values.empty() ? stale_nan() : quantile_of(q[step], values.data(), values.size());
    });
}

namespace {

// The best entries of one column that have been offered so far, the worst of them on top of a heap. Of equal
// ones the first are kept; numbers are better than NaN.
class BestEntries {
  public:
    void start(size_t limit) {
        limit_ = limit;
        heap_.clear();
        bar_ = normal_nan();
    }
    template <bool kGreatest>
    void offer(double value, uint32_t row) {
        // No comparison with a NaN bar holds: it is there while any value would do.
        if (kGreatest ? value <= bar_ : value >= bar_) [[likely]]
            return;
        if (is_stale(value) || limit_ == 0) return;
        if (heap_.size() == limit_) {
            if (std::isnan(value)) return;
            std::pop_heap(heap_.begin(), heap_.end(), better<kGreatest>);
            heap_.pop_back();
        }
        heap_.push_back({value, row});
        std::push_heap(heap_.begin(), heap_.end(), better<kGreatest>);
        if (heap_.size() == limit_) bar_ = heap_.front().value;
    }
    const std::vector<Entry>& entries() const { return heap_; }

  private:
    template <bool kGreatest>
    static bool better(const Entry& a, const Entry& b) {
        bool a_nan = std::isnan(a.value), b_nan = std::isnan(b.value);
        if (a_nan != b_nan) return b_nan;
        if (!a_nan && a.value != b.value) return kGreatest ? a.value > b.value : a.value < b.value;
        return a.row < b.row;
    }

    size_t limit_ = 0;
    std::vector<Entry> heap_;
    double bar_ = 0;  // the worst value of as many as there may be
};

template <bool kGreatest>
void keep_best(const GroupedCells& in, const int64_t* keep, QueryBudget& budget, double* out) {
    BestEntries columns[kLine];
    for (const std::vector<uint32_t>& rows : rows_by_group(in)) {
        for (size_t k = 0; k < in.steps; k += kLine) {
            budget.check();
            size_t width = std::min(kLine, in.steps - k);
            for (size_t c = 0; c < width; ++c)
                columns[c].start(keep[k + c] < 1 ? 0 : static_cast<size_t>(keep[k + c]));
            for (uint32_t row : rows) {
                const double* cells = in.cells + row * in.steps + k;
                for (size_t c = 0; c < width; ++c) columns[c].offer<kGreatest>(cells[c], row);
            }
            for (size_t c = 0; c < width; ++c) {
                for (const Entry& e : columns[c].entries()) out[e.row * in.steps + k + c] = e.value;
            }
        }
    }
}

}  // namespace

void extreme_columns(const GroupedCells& in, const int64_t* keep, bool greatest, QueryBudget& budget,
                     double* out) {
    std::fill(out, out + in.ids.size() * in.steps, stale_nan());
    greatest ? keep_best<true>(in, keep, budget, out) : keep_best<false>(in, keep, budget, out);
}

void first_columns(const GroupedCells& in, const int64_t* keep, double* out) {
    std::vector<int64_t> taken(in.groups * in.steps, 0);
    for (size_t i = 0; i < in.ids.size(); ++i) {
        if (in.ids[i] >= in.groups) throw std::out_of_range("no such group");
        int64_t* count = taken.data() + in.ids[i] * in.steps;
        for (size_t k = 0; k < in.steps; ++k) {
            double v = in.cells[i * in.steps + k];
            bool take = !is_stale(v) && count[k] < keep[k];
            count[k] += take;
            out[i * in.steps + k] = take ? v : stale_nan();
        }
    }
}

void ratio_columns(const GroupedCells& in, const double* offsets, const double* ratio, double* out) {
    for (size_t i = 0; i < in.ids.size(); ++i) {
        for (size_t k = 0; k < in.steps; ++k) {
            double r = ratio[k];
            bool take = r >= 0 ? offsets[i] < r : offsets[i] >= 1 + r;
            out[i * in.steps + k] = take ? in.cells[i * in.steps + k] : stale_nan();
        }
    }
}

ValueCounts count_values(const GroupedCells& in, const HistogramPool& pool, QueryBudget& budget) {
    ValueCounts out;
    struct Seen {
        std::unordered_map<uint64_t, size_t> cells;  // by their bits
        std::unordered_map<std::string, size_t> histograms;
    };
    std::vector<Seen> seen(in.groups);
    auto new_row = [&](uint32_t group, std::string text) {
        budget.hold(static_cast<int64_t>(in.steps));
        out.group.push_back(group);
        out.text.push_back(std::move(text));
        out.cells.insert(out.cells.end(), in.steps, stale_nan());
        return out.group.size() - 1;
    };
    auto histogram_row = [&](uint32_t group, double cell) {
        std::string text = histogram_text(pool.at(cell));
        auto [at, fresh] = seen[group].histograms.try_emplace(text, 0);
        if (fresh) {
            budget.hold_text(text.size());
            at->second = new_row(group, std::move(text));
        }
        return at->second;
    };
    for (size_t i = 0; i < in.ids.size(); ++i) {
        budget.check();
        uint32_t group = in.ids[i];
        if (group >= in.groups) throw std::out_of_range("no such group");
        for (size_t k = 0; k < in.steps; ++k) {
            double v = in.cells[i * in.steps + k];
            if (is_stale(v)) continue;
            bool histogram = is_histogram_cell(v);
            // All NaN read alike.
            uint64_t key = std::bit_cast<uint64_t>(std::isnan(v) && !histogram ? normal_nan() : v);
            auto [at, fresh] = seen[group].cells.try_emplace(key, 0);
            if (fresh) at->second = histogram ? histogram_row(group, v) : new_row(group, format_plain(v));
            double& count = out.cells[at->second * in.steps + k];
            count = is_stale(count) ? 1 : count + 1;
        }
    }
    budget.release(static_cast<int64_t>(out.cells.size()));
    return out;
}

}  // namespace narthex
