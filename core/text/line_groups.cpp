// Lines of a text that make one metric together, and what becomes of it: a classic histogram is converted,
// the _created line of OpenMetrics is the start time of the others. A group is an entry of its own in the
// cache.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "labels/symbols.h"
#include "text/body_scan.h"
#include "text/number.h"

namespace narthex {

namespace {

// No line of text and no key of protobuf begins with it.
constexpr char kGroupKey = 5;

bool has_start(MetricType type) {
    return type == MetricType::kCounter || type == MetricType::kSummary || type == MetricType::kHistogram;
}

// The part of a classic histogram that a line with this suffix is.
MetricLine histogram_part(std::string_view suffix) {
    if (suffix == "_bucket") return MetricLine::kBucket;
    if (suffix == "_count") return MetricLine::kCount;
    return suffix == "_sum" ? MetricLine::kSum : MetricLine::kNone;
}

std::string_view family_of(std::string_view metadata_line) {
    return split_metadata_line(metadata_line).family;
}

constexpr std::string_view kCreatedSuffix = "_created";
constexpr double kMostSeconds = 9e15;  // whose milliseconds are an int64

void append_quoted(std::string& out, std::string_view raw) {
    out.append("\"").append(raw).append("\"");
}

// A metric's series as text, its labels in order, whatever the order in its lines. Sorts `labels`.
std::string group_key(std::string_view family,
                      std::vector<std::pair<std::string_view, std::string_view>>& labels) {
    std::ranges::sort(labels);
    std::string key(1, kGroupKey);
    append_quoted(key += '{', family);
    for (auto [name, value] : labels) {
        append_quoted(key += ',', name);
        append_quoted(key += '=', value);
    }
    key += '}';
    return key;
}

}  // namespace

bool BodyScan::takes_starts() const {
    return options_.starts && !text_ && has_start(type_) && type_line_ != kNoEntry;
}

// Of the line whose labels are in labels_.
bool BodyScan::is_created_line() const {
    return takes_starts() && std::ranges::any_of(labels_, [](const RawLabel& label) {
               return label.name == "__name__" && label.value.ends_with(kCreatedSuffix);
           });
}

// Metadata of a family stands together, so a unit belongs to the line when no other family came between.
uint32_t BodyScan::unit_line() const {
    if (unit_line_ == kNoEntry) return kNoEntry;
    auto family = [this](uint32_t id) { return family_of(cache_.text(cache_.entries_[id])); };
    return family(unit_line_) == family(metadata_) ? unit_line_ : kNoEntry;
}

// A line that was met for the first time, its labels in labels_: finds out whether it is a part of a metric
// of its family, and makes the metric's entry when it is the first of its lines.
void BodyScan::join_group(uint32_t id) {
    bool starts = takes_starts();
    bool converts = options_.histograms.convert && type_ == MetricType::kHistogram && type_line_ != kNoEntry;
    if (!starts && !converts) return;
    std::string_view family = family_of(cache_.text(cache_.entries_[type_line_]));
    std::string_view own = type_ == MetricType::kHistogram ? "le"
                           : type_ == MetricType::kSummary ? "quantile"
                                                           : "";
    MetricLine part = MetricLine::kNone;
    std::optional<double> bound;
    std::vector<std::pair<std::string_view, std::string_view>> rest;
    for (const RawLabel& label : labels_) {
        if (label.name == "__name__") {
            std::string_view name = label.value;
            if (starts && name.ends_with(kCreatedSuffix)) {
                part = MetricLine::kCreated;
                family = name.substr(0, name.size() - kCreatedSuffix.size());
            } else if (name.starts_with(family)) {
                std::string_view suffix = name.substr(family.size());
                if (converts) part = histogram_part(suffix);
                if (starts && (suffix.empty() || suffix[0] == '_') && part == MetricLine::kNone)
                    part = MetricLine::kValue;
            }
        } else if (label.name == own) {
            if (type_ == MetricType::kHistogram) bound = parse_float(unescape(label.value));
        } else {
            rest.emplace_back(label.name, label.value);
        }
    }
    bool is_bucket = part == MetricLine::kBucket;
    if (is_bucket && (!bound || std::isnan(*bound))) part = starts ? MetricLine::kValue : MetricLine::kNone;
    if (part == MetricLine::kNone) return;
    std::string key = group_key(family, rest);
    if (key.size() > ScrapeCache::kMaxText) return;
    auto hash = static_cast<uint32_t>(hash_bytes(key));
    uint32_t group = cache_.find(key, hash);
    if (group == kNoEntry) {
        group = cache_.insert_linked(key, hash, LineKind::kGroup, kNoEntry);
        cache_.entries_[group].type = cache_.entries_[id].type;
        cache_.links_[group].unit = cache_.links_[id].unit;
    }
    ScrapeCache::Link& link = cache_.links_[id];
    link.parent = group;
    link.part = part;
    link.bound = part == MetricLine::kBucket ? *bound : 0;
    link.swallowed =
        part == MetricLine::kCreated || (is_histogram_part(part) && !options_.histograms.classic);
    if (link.swallowed) cache_.entries_[id].ref = kRefDropped;
}

// Notes the line's part; gives whether that is all it is.
bool BodyScan::part_of_group(uint32_t id, int64_t timestamp, bool timed, double value) {
    const ScrapeCache::Link link = cache_.links_[id];
    if (link.parent == kNoEntry) return false;
    if (link.swallowed) cache_.entries_[id].seen = cache_.scan_;
    ScrapeCache::Link& group = cache_.links_[link.parent];
    if (group.met != cache_.scan_) {
        group.met = cache_.scan_;
        meet(link.parent);
    }
    if (is_histogram_part(link.part)) {
        cache_.parts_.push_back({link.parent, timestamp, timed, link.part, link.bound, value});
    } else if (link.part == MetricLine::kCreated && std::abs(value) < kMostSeconds) {
        created_.emplace_back(link.parent, static_cast<int64_t>(value * 1000));
    }
    return link.swallowed;
}

// The _created line of a metric comes behind its others, so samples get their start times at the end.
void BodyScan::give_starts() {
    std::vector<int64_t> start_of(cache_.entries_.size());
    for (auto [group, start] : created_) start_of[group] = start;
    ScrapeCache::Histograms& histograms = cache_.histograms_;
    cache_.starts_.resize(cache_.ids_.size());
    for (size_t i = 0; i < cache_.ids_.size(); ++i) {
        uint32_t group = cache_.links_[cache_.ids_[i]].parent;
        if (group != kNoEntry) cache_.starts_[i] = start_of[group];
    }
    histograms.starts.resize(histograms.ids.size());
    for (size_t i = 0; i < histograms.ids.size(); ++i) histograms.starts[i] = start_of[histograms.ids[i]];
}

void BodyScan::convert_groups() {
    std::vector<ScrapeCache::PartSample>& parts = cache_.parts_;
    auto key = [](const ScrapeCache::PartSample& p) { return std::tuple(p.group, p.timed, p.timestamp); };
    if (!std::ranges::is_sorted(parts, {}, key)) std::ranges::stable_sort(parts, {}, key);
    ClassicHistogram h;
    for (size_t first = 0, i = 0; first < parts.size(); first = i) {
        h.clear();
        for (; i < parts.size() && key(parts[i]) == key(parts[first]); ++i) {
            switch (parts[i].part) {
                case MetricLine::kBucket:
                    h.bucket(parts[i].bound, parts[i].value);
                    break;
                case MetricLine::kCount:
                    h.count(parts[i].value);
                    break;
                default:
                    h.sum(parts[i].value);
            }
        }
        const ScrapeCache::PartSample& p = parts[first];
        if (h.settle()) converted(p.group, p.timestamp, p.timed, false, h);
    }
}

}  // namespace narthex
