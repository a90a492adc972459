#include "histogram/combine.h"

#include <algorithm>
#include <iterator>

#include "histogram/bucket_bounds.h"
#include "histogram/bucket_merge.h"
#include "query/precise.h"

namespace narthex {

namespace {

// Adjusts the hint of a sum; true when the two contradict each other.
bool join_hints(ResetHint& to, ResetHint other) {
    if (to == other || to == ResetHint::kGauge) return false;
    if (other == ResetHint::kGauge) {
        to = other;
        return false;
    }
    bool collision = to != ResetHint::kUnknown && other != ResetHint::kUnknown;
    to = ResetHint::kUnknown;
    return collision;
}

// Takes the buckets that `threshold` reaches into from one side into `zero`. True when a populated one was
// cut: then `threshold` is its end.
bool absorb(const BucketsView& side, const std::vector<double>* rest, int32_t schema, double& threshold,
            CompensatedSum& zero) {
    size_t at = 0;
    for (BucketRun run : side.runs) {
        for (int64_t index = run.first; index < run.end(); ++index, ++at) {
            if (exponential_bound(index - 1, schema) >= threshold) return false;
            zero.add(side.counts[at]);
            if (rest) zero.add((*rest)[at]);
            double end = exponential_bound(index, schema);
            if (end <= threshold) continue;
            if (side.counts[at] == 0) return false;
            threshold = end;
            return true;
        }
    }
    return false;
}

ZeroBucket widened(const FloatHistogramView& h, const Rest* rest, double threshold) {
    if (threshold == h.zero_threshold) return {threshold, h.zero_count, rest ? rest->zero_count : 0};
    while (true) {
        CompensatedSum zero{h.zero_count, rest ? rest->zero_count : 0};
        absorb(h.positive, rest ? &rest->positive : nullptr, h.schema, threshold, zero);
        // A threshold that grew on the negative side may reach further on the positive one.
        if (!absorb(h.negative, rest ? &rest->negative : nullptr, h.schema, threshold, zero))
            return {threshold, zero.sum, zero.rest};
    }
}

// Empties the buckets within the zero bucket, whose counts it has already.
void empty_covered(Buckets& side, std::vector<double>* rest, int32_t schema, double threshold) {
    size_t at = 0;
    for (BucketRun run : side.runs) {
        for (int64_t index = run.first; index < run.end(); ++index, ++at) {
            if (exponential_bound(index - 1, schema) >= threshold) return;
            side.counts[at] = 0;
            if (rest) (*rest)[at] = 0;
        }
    }
}

// Widens the zero bucket of `to` as far as both need it. What the other's would be then.
ZeroBucket reconcile_zero(FloatHistogram& to, Rest* rest, const FloatHistogramView& other) {
    ZeroBucket others{other.zero_threshold, other.zero_count, 0};
    // A threshold of NaN is neither less nor greater and left alone.
    while (others.threshold < to.zero_threshold || others.threshold > to.zero_threshold) {
        if (to.zero_threshold > others.threshold) others = widened(other, nullptr, to.zero_threshold);
        if (!(others.threshold > to.zero_threshold)) continue;
        ZeroBucket own = widened(to.view(), rest, others.threshold);
        to.zero_threshold = own.threshold;
        to.zero_count = own.count;
        if (rest) rest->zero_count = own.rest;
        empty_covered(to.positive, rest ? &rest->positive : nullptr, to.schema, own.threshold);
        empty_covered(to.negative, rest ? &rest->negative : nullptr, to.schema, own.threshold);
        to.positive.compact(rest ? &rest->positive : nullptr);
        to.negative.compact(rest ? &rest->negative : nullptr);
    }
    return others;
}

// How many of the first buckets end within the zero bucket.
size_t covered(const BucketsView& side, int32_t schema, double threshold) {
    size_t n = 0;
    for (BucketRun run : side.runs) {
        for (int64_t index = run.first; index < run.end(); ++index, ++n) {
            if (!(exponential_bound(index, schema) <= threshold)) return n;
        }
    }
    return n;
}

void reduce_side(Buckets& side, std::vector<double>* rest, unsigned steps) {
    Buckets coarse;
    std::vector<double> coarse_rest;
    reduce_buckets({side, rest ? std::span<const double>(*rest) : std::span<const double>()}, steps,
                   {coarse, rest ? &coarse_rest : nullptr});
    side = std::move(coarse);
    if (rest) *rest = std::move(coarse_rest);
}

void reduce(FloatHistogram& h, Rest* rest, int32_t schema) {
    auto steps = static_cast<unsigned>(h.schema - schema);
    reduce_side(h.positive, rest ? &rest->positive : nullptr, steps);
    reduce_side(h.negative, rest ? &rest->negative : nullptr, steps);
    h.schema = schema;
}

// Adds one side of an exponential histogram that may be finer than the sum and reach into its zero bucket.
void add_side(SummedSide to, const FloatHistogram& h, BucketsView side, int32_t schema, bool negated) {
    AddedSide addend{side, {}, negated};
    Buckets coarse;
    std::vector<double> rest;
    if (schema > h.schema) {
        reduce_buckets(addend, static_cast<unsigned>(schema - h.schema), {coarse, to.rest ? &rest : nullptr});
        addend = {coarse, rest, negated};
    }
    // As in Prometheus a coarse bucket that ends outside the zero bucket is added whole, though the zero
    // bucket may have taken some of its fine ones.
    size_t within = covered(addend.buckets, h.schema, h.zero_threshold);
    std::vector<BucketRun> runs;
    add_buckets(to, within ? without_first(addend, within, runs) : addend);
}

// Both to the bounds they have in common; only buckets that hold something are kept.
void add_remapped(FloatHistogram& to, Rest* rest, const FloatHistogramView& other, bool negated) {
    std::vector<double> bounds = common_bounds(to.view().bounds(), other.bounds());
    std::vector<double> counts(bounds.size() + 1), lost(bounds.size() + 1);
    AddedSide own{to.positive, rest ? std::span<const double>(rest->positive) : std::span<const double>()};
    remap_buckets(own, to.view().bounds(), bounds, counts, lost);
    remap_buckets({other.positive, {}, negated}, other.bounds(), bounds, counts, lost);
    to.positive.clear();
    if (rest) rest->positive.clear();
    for (size_t k = 0; k < counts.size(); ++k) {
        if (counts[k] == 0 && lost[k] == 0) continue;
        to.positive.push(static_cast<int32_t>(k), counts[k]);
        if (rest) rest->positive.push_back(lost[k]);
    }
    to.bounds = std::make_shared<const std::vector<double>>(std::move(bounds));
}

void add_number(double& to, double* rest, double x) {
    if (!rest) {
        to += x;
        return;
    }
    CompensatedSum s{to, *rest};
    s.add(x);
    to = s.sum;
    *rest = s.rest;
}

Combined combine(FloatHistogram& to, Rest* rest, const FloatHistogramView& other, bool negated) {
    if (to.custom() != other.custom()) return {.incompatible = true};
    Combined out{.reset_collision = join_hints(to.hint, other.hint)};
    double sign = negated ? -1 : 1;
    if (!to.custom()) {
        ZeroBucket zero = reconcile_zero(to, rest, other);
        add_number(to.zero_count, rest ? &rest->zero_count : nullptr, sign * zero.count);
        if (rest) add_number(to.zero_count, &rest->zero_count, sign * zero.rest);
    }
    add_number(to.count, rest ? &rest->count : nullptr, sign * other.count);
    add_number(to.sum, rest ? &rest->sum : nullptr, sign * other.sum);
    SummedSide positive{to.positive, rest ? &rest->positive : nullptr};
    SummedSide negative{to.negative, rest ? &rest->negative : nullptr};
    if (to.custom()) {
        out.bounds_reconciled = !same_bounds(to.bounds, *other.shared);
        if (out.bounds_reconciled) {
            add_remapped(to, rest, other, negated);
        } else {
            add_buckets(positive, {other.positive, {}, negated});
        }
        return out;
    }
    if (other.schema < to.schema) reduce(to, rest, other.schema);
    add_side(positive, to, other.positive, other.schema, negated);
    add_side(negative, to, other.negative, other.schema, negated);
    return out;
}

}  // namespace

Combined add(FloatHistogram& to, const FloatHistogramView& other) {
    return combine(to, nullptr, other, false);
}

Combined subtract(FloatHistogram& from, const FloatHistogramView& other) {
    return combine(from, nullptr, other, true);
}

Combined add(FloatHistogram& to, Rest& rest, const FloatHistogramView& other) {
    return combine(to, &rest, other, false);
}

void Rest::begin(const FloatHistogram& h) {
    zero_count = count = sum = 0;
    positive.assign(h.positive.counts.size(), 0);
    negative.assign(h.negative.counts.size(), 0);
}

void Rest::multiply(double factor) {
    for (double* n : {&zero_count, &count, &sum}) *n *= factor;
    for (auto* side : {&positive, &negative})
        for (double& n : *side) n *= factor;
}

void Rest::divide(double divisor) {
    for (double* n : {&zero_count, &count, &sum}) *n /= divisor;
    for (auto* side : {&positive, &negative})
        for (double& n : *side) n /= divisor;
}

void settle(FloatHistogram& to, const Rest& rest) {
    to.zero_count += rest.zero_count;
    to.count += rest.count;
    to.sum += rest.sum;
    for (size_t k = 0; k < rest.positive.size(); ++k) to.positive.counts[k] += rest.positive[k];
    for (size_t k = 0; k < rest.negative.size(); ++k) to.negative.counts[k] += rest.negative[k];
}

void reduce_schema(FloatHistogram& h, int32_t schema) {
    if (!h.custom() && schema >= kMinSchema && schema < h.schema) reduce(h, nullptr, schema);
}

std::vector<double> common_bounds(std::span<const double> a, std::span<const double> b) {
    std::vector<double> out;
    std::ranges::set_intersection(a, b, std::back_inserter(out));
    return out;
}

ZeroBucket widened_zero(const FloatHistogramView& h, double threshold) {
    return widened(h, nullptr, threshold);
}

}  // namespace narthex
