#include "histogram/bucket_merge.h"

#include <algorithm>

#include "query/precise.h"

namespace narthex {

namespace {

void add_compensated(double x, double& sum, double& rest) {
    CompensatedSum s{sum, rest};
    s.add(x);
    sum = s.sum;
    rest = s.rest;
}

bool has_all(std::span<const BucketRun> runs, std::span<const BucketRun> wanted) {
    size_t at = 0;
    for (BucketRun run : wanted) {
        while (at < runs.size() && runs[at].end() < run.end()) ++at;
        if (at == runs.size() || runs[at].first > run.first) return false;
    }
    return true;
}

std::vector<BucketRun> unite(std::span<const BucketRun> a, std::span<const BucketRun> b) {
    std::vector<BucketRun> out;
    size_t i = 0, j = 0;
    while (i < a.size() || j < b.size()) {
        bool from_a = j == b.size() || (i < a.size() && a[i].first <= b[j].first);
        BucketRun next = from_a ? a[i++] : b[j++];
        if (!out.empty() && next.first <= out.back().end()) {
            int64_t end = std::max(out.back().end(), next.end());
            out.back().length = static_cast<uint32_t>(end - out.back().first);
        } else {
            out.push_back(next);
        }
    }
    return out;
}

// Calls f(position among the buckets of `runs`, position among those of `part`, how many) for each run of
// `part`, all of which `runs` has.
template <typename F>
void each_run(std::span<const BucketRun> runs, std::span<const BucketRun> part, F&& f) {
    size_t at = 0, before = 0, taken = 0;
    for (BucketRun run : part) {
        while (runs[at].end() < run.end()) before += runs[at++].length;
        f(before + static_cast<size_t>(int64_t{run.first} - runs[at].first), taken, run.length);
        taken += run.length;
    }
}

// Makes room for the buckets of `runs`, which has all of the old ones.
void spread(std::vector<double>& numbers, std::span<const BucketRun> old, std::span<const BucketRun> runs,
            size_t width) {
    std::vector<double> wider(width);
    each_run(runs, old, [&](size_t to, size_t from, size_t n) {
        std::copy_n(numbers.begin() + static_cast<ptrdiff_t>(from), n,
                    wider.begin() + static_cast<ptrdiff_t>(to));
    });
    numbers = std::move(wider);
}

void make_room(SummedSide to, std::span<const BucketRun> wanted) {
    if (has_all(to.buckets.runs, wanted)) return;
    std::vector<BucketRun> runs = unite(to.buckets.runs, wanted);
    size_t width = 0;
    for (BucketRun run : runs) width += run.length;
    spread(to.buckets.counts, to.buckets.runs, runs, width);
    if (to.rest) spread(*to.rest, to.buckets.runs, runs, width);
    to.buckets.runs = std::move(runs);
}

}  // namespace

void add_buckets(SummedSide to, const AddedSide& addend) {
    make_room(to, addend.buckets.runs);
    double sign = addend.negated ? -1 : 1;
    each_run(to.buckets.runs, addend.buckets.runs, [&](size_t at, size_t from, size_t n) {
        double* sum = to.buckets.counts.data() + at;
        const double* more = addend.buckets.counts.data() + from;
        if (!to.rest) {
            for (size_t k = 0; k < n; ++k) sum[k] += sign * more[k];
            return;
        }
        double* rest = to.rest->data() + at;
        for (size_t k = 0; k < n; ++k) add_compensated(sign * more[k], sum[k], rest[k]);
        if (addend.rest.empty()) return;
        for (size_t k = 0; k < n; ++k) add_compensated(sign * addend.rest[from + k], sum[k], rest[k]);
    });
}

AddedSide without_first(const AddedSide& addend, size_t n, std::vector<BucketRun>& runs) {
    runs.clear();
    size_t left = n;
    for (BucketRun run : addend.buckets.runs) {
        auto cut = static_cast<uint32_t>(std::min<size_t>(left, run.length));
        left -= cut;
        if (cut < run.length)
            runs.push_back({static_cast<int32_t>(int64_t{run.first} + cut), run.length - cut});
    }
    auto rest = addend.rest.empty() ? addend.rest : addend.rest.subspan(n);
    return {{runs, addend.buckets.counts.subspan(n)}, rest, addend.negated};
}

void reduce_buckets(const AddedSide& from, unsigned steps, SummedSide to) {
    size_t at = 0;
    int64_t last = INT64_MIN;
    for (BucketRun run : from.buckets.runs) {
        for (int64_t index = run.first; index < run.end(); ++index, ++at) {
            int64_t coarse = ((index - 1) >> steps) + 1;  // a coarse bucket ends where its last fine one does
            double count = from.buckets.counts[at], rest = from.rest.empty() ? 0 : from.rest[at];
            if (coarse != last) {
                to.buckets.push(static_cast<int32_t>(coarse), count);
                if (to.rest) to.rest->push_back(rest);
                last = coarse;
            } else if (to.rest) {
                add_compensated(count, to.buckets.counts.back(), to.rest->back());
                add_compensated(rest, to.buckets.counts.back(), to.rest->back());
            } else {
                to.buckets.counts.back() += count;
            }
        }
    }
}

void remap_buckets(const AddedSide& from, std::span<const double> bounds, std::span<const double> common,
                   std::span<double> counts, std::span<double> rest) {
    size_t at = 0, target = 0;
    double sign = from.negated ? -1 : 1;
    for (BucketRun run : from.buckets.runs) {
        for (int64_t index = run.first; index < run.end(); ++index, ++at) {
            if (index < static_cast<int64_t>(bounds.size())) {
                double bound = bounds[static_cast<size_t>(index)];
                while (target < common.size() && common[target] < bound) ++target;
            } else {
                target = common.size();
            }
            add_compensated(sign * from.buckets.counts[at], counts[target], rest[target]);
            if (!from.rest.empty()) add_compensated(sign * from.rest[at], counts[target], rest[target]);
        }
    }
}

}  // namespace narthex
