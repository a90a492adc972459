#include "chunk/gather.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>
#include <stdexcept>

namespace narthex {

namespace {

// Sorts a row by time and drops what repeats; gives how many samples are left. Times stay at `t`, values go
// where the times end.
size_t settle(uint64_t* t, size_t count, GatherCounts& counts) {
    uint64_t* v = t + count;
    auto at = [t](size_t i) { return static_cast<int64_t>(t[i]); };
    bool ascending = true;
    for (size_t i = 1; i < count && ascending; ++i) ascending = at(i - 1) < at(i);
    if (ascending) return count;
    std::vector<uint32_t> order(count);
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return at(a) < at(b); });
    std::vector<uint64_t> times, values;
    for (uint32_t i : order) {
        if (!times.empty() && times.back() == t[i]) {
            ++(values.back() == v[i] ? counts.repeated : counts.conflicting);
            continue;
        }
        times.push_back(t[i]);
        values.push_back(v[i]);
    }
    std::copy(times.begin(), times.end(), t);
    std::copy(values.begin(), values.end(), t + times.size());
    return times.size();
}

}  // namespace

SeriesBatch gather_series(const LabelSets& labels, uint32_t first, uint32_t last,
                          std::span<const uint32_t> rows, std::span<const int64_t> times,
                          std::span<const double> values, GatherCounts& counts) {
    if (first > last || last > labels.rows() || rows.size() != times.size() || rows.size() != values.size() ||
        rows.size() > std::numeric_limits<uint32_t>::max() / 16)
        throw std::invalid_argument("columns do not fit");
    std::vector<size_t> ends(last - first + 1);
    for (uint32_t row : rows) {
        if (row < first || row >= last) throw std::invalid_argument("a sample belongs to no row");
        ++ends[row - first + 1];
    }
    std::partial_sum(ends.begin(), ends.end(), ends.begin());
    auto columns = std::make_shared<std::vector<uint64_t>>(2 * rows.size());
    std::vector<size_t> next(ends.begin(), ends.end() - 1);
    for (size_t i = 0; i < rows.size(); ++i) {
        size_t k = rows[i] - first;
        size_t place = ends[k] + next[k]++;  // 2 * begin + samples before
        (*columns)[place] = static_cast<uint64_t>(times[i]);
        (*columns)[place + ends[k + 1] - ends[k]] = std::bit_cast<uint64_t>(values[i]);
    }
    SeriesBatch out;
    out.labels = LabelSets(labels.symbols());
    for (size_t k = 0; k + 1 < ends.size(); ++k) {
        size_t count = ends[k + 1] - ends[k];
        if (count == 0) continue;
        uint64_t* t = columns->data() + 2 * ends[k];
        count = settle(t, count, counts);
        out.labels.add_row(labels.row(first + k));
        out.chunks.push_back({static_cast<int64_t>(t[0]), static_cast<int64_t>(t[count - 1]),
                              reinterpret_cast<const uint8_t*>(t), static_cast<uint32_t>(16 * count),
                              kEncodingColumns});
        out.offsets.push_back(out.chunks.size());
    }
    out.owners.push_back(std::move(columns));
    return out;
}

}  // namespace narthex
