#include "otlp/columns.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <unordered_set>
#include <utility>

#include "bytes/error.h"
#include "chunk/stale.h"
#include "json/number.h"
#include "labels/row_index.h"
#include "otlp/exemplar_labels.h"
#include "otlp/native_buckets.h"

namespace narthex {

namespace {

constexpr std::string_view kName = "__name__", kLe = "le", kQuantile = "quantile";
constexpr double kZeroThreshold = 1e-128;  // Prometheus'; the one that was sent is not looked at
constexpr int32_t kMinScale = -4;
// Labels of all rows together, and samples of target_info of one resource.
constexpr size_t kMostPairs = size_t{1} << 25;
constexpr uint64_t kMostTargetInfos = 1000;

int64_t milliseconds(uint64_t ns) {
    return static_cast<int64_t>(ns) / 1'000'000;
}

std::vector<std::string> label_names(const OtlpPlan& plan) {
    std::vector<std::string> out{std::string(kName), std::string(kLe), std::string(kQuantile)};
    auto add = [&](const OtlpLabels& labels) {
        for (const auto& [name, value] : labels) out.push_back(name);
    };
    for (const auto& m : plan.metrics) {
        if (m) add(m->labels);
    }
    for (const auto& scope : plan.scopes) add(scope);
    for (const auto& resource : plan.resources) {
        add(resource.identity);
        add(resource.promoted);
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

class Maker {
  public:
    Maker(const OtlpRequest& request, const OtlpPlan& plan)
        : in_(request),
          plan_(plan),
          names_(label_names(plan)),
          labels_(request, plan.keys, names_, plan.join_collisions),
          name_(labels_.symbol(kName)),
          le_(labels_.symbol(kLe)),
          quantile_(labels_.symbol(kQuantile)),
          infinity_(labels_.symbol("+Inf")),
          out_(request.texts) {
        if (plan.metrics.size() != in_.metrics.size() || plan.scopes.size() != in_.scopes.size() ||
            plan.resources.size() != in_.resources.size()) {
            throw std::invalid_argument("the plan is of another request");
        }
        size_t points = in_.points.size();
        out_.floats.labels.reserve(points, in_.attributes.size() + 4 * points);
        out_.floats.times.reserve(points);
        out_.floats.starts.reserve(points);
        out_.floats.metrics.reserve(points);
        out_.values.reserve(points);
    }

    OtlpColumns make() {
        spans_.assign(in_.resources.size(), {});
        for (metric_ = 0; metric_ < in_.metrics.size(); ++metric_) {
            const OtlpMetric& m = in_.metrics[metric_];
            note_times(m);
            if (plan_.metrics[metric_]) metric(m, *plan_.metrics[metric_]);
        }
        if (plan_.target_info_every > 0) {
            for (size_t r = 0; r < in_.resources.size(); ++r) target_info(r);
        }
        out_.collisions = labels_.collisions();
        return std::move(out_);
    }

  private:
    // Times of a resource's points in nanoseconds.
    struct Times {
        uint64_t first = std::numeric_limits<uint64_t>::max(), last = 0;
    };

    void note_times(const OtlpMetric& m) {
        Times& times = spans_[in_.scopes[m.scope].resource];
        for (uint32_t i = m.points.first; i < m.points.last; ++i) {
            times.first = std::min(times.first, in_.points[i].time);
            times.last = std::max(times.last, in_.points[i].time);
        }
    }

    void metric(const OtlpMetric& m, const OtlpPlan::Metric& plan) {
        const OtlpScope& scope = in_.scopes[m.scope];
        const OtlpPlan::Resource& resource = plan_.resources[scope.resource];
        terms_ = labels_.terms(plan.labels, OtlpRank::kMetric);
        add_terms(plan_.scopes[m.scope], OtlpRank::kScope);
        add_terms(resource.identity, OtlpRank::kIdentity);
        add_terms(resource.promoted, OtlpRank::kDefault);
        terms_.push_back(labels_.term(kName, plan.name, OtlpRank::kOwn));
        if (m.kind == OtlpKind::kHistogram || m.kind == OtlpKind::kSummary) {
            sum_name_ = labels_.symbol(plan.name + "_sum");
            count_name_ = labels_.symbol(plan.name + "_count");
            bucket_name_ = labels_.symbol(plan.name + "_bucket");
        }
        for (uint32_t i = m.points.first; i < m.points.last; ++i) point(m, plan, in_.points[i]);
    }

    void add_terms(const OtlpLabels& labels, OtlpRank rank) {
        for (const auto& [name, value] : labels) terms_.push_back(labels_.term(name, value, rank));
    }

    void point(const OtlpMetric& m, const OtlpPlan::Metric& plan, const OtlpPoint& p) {
        if (m.kind == OtlpKind::kExponential && in_.exponentials[p.detail].scale < kMinScale) {
            ++out_.coarse;
            return;
        }
        auto attributes = in_.attributes_of(p);
        if (!labels_.make(attributes, terms_)) {
            ++out_.invalid_labels;
            return;
        }
        switch (m.kind) {
            case OtlpKind::kGauge:
                add_float(labels_.pairs(), p, p.number);
                break;
            case OtlpKind::kSum:
                add_float(labels_.pairs(), p, p.number);
                add_exemplars(p, [&](double) { return newest_float(); });
                break;
            case OtlpKind::kHistogram:
                if (plan_.custom_buckets) {
                    custom(plan, p);
                } else {
                    classic(attributes, p);
                }
                break;
            case OtlpKind::kExponential:
                exponential(plan, p);
                break;
            case OtlpKind::kSummary:
                summary(attributes, p);
                break;
            case OtlpKind::kNone:
                break;
        }
    }

    uint32_t newest_float() const { return static_cast<uint32_t>(out_.floats.times.size()) - 1; }

    void add_row(OtlpColumns::Rows& rows, std::span<const LabelPair> pairs, const OtlpPoint& p) {
        pairs_ += pairs.size();
        if (pairs_ > kMostPairs) throw LimitError("the request has too many labels");
        rows.labels.add_row(pairs);
        rows.times.push_back(milliseconds(p.time));
        rows.starts.push_back(milliseconds(p.start));
        rows.metrics.push_back(metric_);
    }

    void add_float(std::span<const LabelPair> pairs, const OtlpPoint& p, double value) {
        add_row(out_.floats, pairs, p);
        out_.values.push_back(p.no_value ? stale_nan() : value);
    }

    // The value of a label that row_ has.
    void set(uint32_t name, uint32_t value) {
        for (LabelPair& pair : row_) {
            if (pair.name == name) pair.value = value;
        }
    }

    // Rows for the sum, if there is one, and the count.
    void sum_and_count(const OtlpPoint& p, bool has_sum, uint64_t count) {
        row_.assign(labels_.pairs().begin(), labels_.pairs().end());
        if (has_sum) {
            set(name_, sum_name_);
            add_float(row_, p, p.number);
        }
        set(name_, count_name_);
        add_float(row_, p, static_cast<double>(count));
    }

    // Makes row_ with one more label, to be set for each bucket or quantile.
    void with_label(std::span<const OtlpAttribute> attributes, std::string_view name) {
        terms_.push_back(labels_.term(name, "+Inf", OtlpRank::kOwn));
        labels_.make(attributes, terms_);
        terms_.pop_back();
        row_.assign(labels_.pairs().begin(), labels_.pairs().end());
    }

    uint32_t number(double v) {
        char space[kNumberSpace];
        return labels_.symbol({space, static_cast<size_t>(write_plain(space, v) - space)});
    }

    // Most points of a metric have the same bounds.
    const std::vector<uint32_t>& bound_texts(std::span<const double> bounds) {
        bool same = bounds.size() == bounds_.size() &&
                    std::memcmp(bounds.data(), bounds_.data(), bounds.size_bytes()) == 0;
        if (!same) {
            bounds_.assign(bounds.begin(), bounds.end());
            bound_texts_.clear();
            for (double bound : bounds) bound_texts_.push_back(number(bound));
        }
        return bound_texts_;
    }

    void classic(std::span<const OtlpAttribute> attributes, const OtlpPoint& p) {
        const OtlpHistogram& h = in_.histograms[p.detail];
        sum_and_count(p, p.has_sum, h.count);
        with_label(attributes, kLe);
        set(name_, bucket_name_);
        auto bounds = in_.doubles_of(h.bounds);
        auto buckets = in_.counts_of(h.buckets);
        const auto& texts = bound_texts(bounds);
        size_t n = std::min(bounds.size(), buckets.size());
        uint32_t first = newest_float() + 1;
        uint64_t below = 0;
        for (size_t i = 0; i < n; ++i) {
            below += buckets[i];
            set(le_, texts[i]);
            add_float(row_, p, static_cast<double>(below));
        }
        set(le_, infinity_);
        add_float(row_, p, static_cast<double>(h.count));
        add_exemplars(p, [&](double value) {
            auto bucket = std::lower_bound(bounds.begin(), bounds.begin() + static_cast<ptrdiff_t>(n), value);
            return first + static_cast<uint32_t>(bucket - bounds.begin());
        });
    }

    void summary(std::span<const OtlpAttribute> attributes, const OtlpPoint& p) {
        const OtlpSummary& s = in_.summaries[p.detail];
        uint32_t family = name_value();
        sum_and_count(p, true, s.count);
        with_label(attributes, kQuantile);
        set(name_, family);
        auto quantiles = in_.doubles_of(s.quantiles);
        for (size_t i = 0; i + 1 < quantiles.size(); i += 2) {
            set(quantile_, number(quantiles[i]));
            add_float(row_, p, quantiles[i + 1]);
        }
    }

    uint32_t name_value() const {
        for (LabelPair pair : labels_.pairs()) {
            if (pair.name == name_) return pair.value;
        }
        return infinity_;  // names of metrics are not empty
    }

    void custom(const OtlpPlan::Metric& plan, const OtlpPoint& p) {
        const OtlpHistogram& h = in_.histograms[p.detail];
        layout_ = {};
        layout_.schema = kCustomBuckets;
        cells_.clear();
        auto bounds = in_.doubles_of(h.bounds);
        auto buckets = in_.counts_of(h.buckets);
        layout_.bounds.assign(bounds.begin(), bounds.end());
        // A histogram without buckets says nothing but its count: all of it is below infinity.
        if (buckets.empty()) buckets = {&h.count, 1};
        append_custom_buckets(buckets, layout_.positive, cells_);
        add_native(plan, p, h.count, 0, cells_.size());
    }

    void exponential(const OtlpPlan::Metric& plan, const OtlpPoint& p) {
        const OtlpExponential& h = in_.exponentials[p.detail];
        layout_ = {};
        layout_.schema = std::min(h.scale, kMaxSchema);
        layout_.zero_threshold = kZeroThreshold;
        auto finer = static_cast<uint32_t>(h.scale - layout_.schema);
        cells_.clear();
        auto add = [&](const OtlpExponential::Buckets& b, std::vector<BucketSpan>& spans) {
            append_exponential_buckets(in_.counts_of(b.counts), b.offset, finer, spans, cells_);
        };
        add(h.positive, layout_.positive);
        size_t positive = cells_.size();
        add(h.negative, layout_.negative);
        add_native(plan, p, h.count, h.zero_count, positive);
    }

    // The histogram in layout_ and cells_, for the labels made last.
    void add_native(const OtlpPlan::Metric& plan, const OtlpPoint& p, uint64_t count, uint64_t zero_count,
                    size_t positive) {
        double sum = p.no_value ? stale_nan() : p.has_sum ? p.number : 0;
        if (count == 0 && sum != 0 && !p.no_value) ++out_.empty_with_sum;
        HistogramCell all{.i = static_cast<int64_t>(count)}, zero{.i = static_cast<int64_t>(zero_count)};
        ResetHint hint = plan.gauge ? ResetHint::kGauge : ResetHint::kUnknown;
        out_.batch.add({layout_,
                        false,
                        positive,
                        cells_.size() - positive,
                        {&all, 1},
                        {&zero, 1},
                        {&sum, 1},
                        {&hint, 1},
                        cells_});
        add_row(out_.histograms, labels_.pairs(), p);
        auto row = static_cast<uint32_t>(out_.histograms.times.size()) - 1;
        add_exemplars(p, [&](double) { return row | kOfHistograms; });
    }

    // row_of(value) is the row that an exemplar belongs to.
    template <typename RowOf>
    void add_exemplars(const OtlpPoint& p, RowOf&& row_of) {
        for (uint32_t i = p.exemplars.first; i < p.exemplars.last; ++i) {
            const OtlpExemplar& e = in_.exemplars[i];
            out_.exemplars.rows.push_back(row_of(e.value));
            int64_t time = milliseconds(e.time);
            out_.exemplars.times.push_back(time != 0 ? time : milliseconds(p.time));
            out_.exemplars.values.push_back(e.value);
            out_.exemplars.labels.add_row(exemplar_labels_.of(in_, e));
        }
    }

    void target_info(size_t r) {
        const auto& attributes = in_.resources[r].attributes;
        Times times = spans_[r];
        if (times.first > times.last) return;  // no points
        std::vector<uint32_t> identifying;
        for (const std::string& name : plan_.identifying) identifying.push_back(in_.keys.find(name));
        bool telling = std::any_of(attributes.begin(), attributes.end(), [&](OtlpAttribute a) {
            return std::find(identifying.begin(), identifying.end(), a.key) == identifying.end();
        });
        if (!telling) return;  // nothing beyond job and instance
        terms_ = labels_.terms(plan_.resources[r].identity, OtlpRank::kIdentity);
        terms_.push_back(labels_.term(kName, "target_info", OtlpRank::kOwn));
        if (plan_.keep_identifying) identifying.clear();
        if (!labels_.make(attributes, terms_, identifying)) {
            ++out_.invalid_labels;
            return;
        }
        auto pairs = labels_.pairs();
        bool identified = std::any_of(pairs.begin(), pairs.end(), [&](LabelPair pair) {
            std::string_view name = in_.texts->get(pair.name);
            return name == "job" || name == "instance";
        });
        if (identified) add_target_info(pairs, times);
    }

    void add_target_info(std::span<const LabelPair> pairs, Times times) {
        auto every = static_cast<uint64_t>(plan_.target_info_every);
        uint64_t steps = (times.last - times.first + every - 1) / every;
        uint64_t skipped = steps > kMostTargetInfos ? steps - kMostTargetInfos : 0;
        metric_ = OtlpColumns::kTargetInfo;
        for (uint64_t k = skipped; k <= steps; ++k) {
            OtlpPoint p;
            p.time = k == steps ? times.last : times.first + k * every;
            uint64_t key =
                hash_pairs(pairs) ^ static_cast<uint64_t>(milliseconds(p.time)) * 0x9e3779b97f4a7c15;
            if (seen_.insert(key).second) add_float(pairs, p, 1);
        }
    }

    // Marks a row of histograms until all floats are known.
    static constexpr uint32_t kOfHistograms = 0x80000000;

    const OtlpRequest& in_;
    const OtlpPlan& plan_;
    std::vector<std::string> names_;
    OtlpLabelMaker labels_;
    OtlpExemplarLabels exemplar_labels_;
    uint32_t name_, le_, quantile_, infinity_;  // symbols
    OtlpColumns out_;
    std::vector<Times> spans_;  // by resource
    uint32_t metric_ = 0;
    std::vector<OtlpLabelMaker::Term> terms_;  // of the metric
    uint32_t sum_name_ = 0, count_name_ = 0, bucket_name_ = 0;
    std::vector<LabelPair> row_;
    std::vector<double> bounds_;
    std::vector<uint32_t> bound_texts_;
    HistogramLayout layout_;
    std::vector<HistogramCell> cells_;
    std::unordered_set<uint64_t> seen_;
    size_t pairs_ = 0;
};

}  // namespace

OtlpColumns make_otlp_columns(const OtlpRequest& request, const OtlpPlan& plan) {
    OtlpColumns out = Maker(request, plan).make();
    auto floats = static_cast<uint32_t>(out.floats.labels.rows());
    for (uint32_t& row : out.exemplars.rows) {
        if (row & 0x80000000) row = (row & 0x7fffffff) + floats;
    }
    return out;
}

}  // namespace narthex
