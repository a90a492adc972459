// Classic histograms of text bodies, each put together from its lines and converted.
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

HistogramLine part_of(std::string_view name, std::string_view family) {
    if (!name.starts_with(family)) return HistogramLine::kNone;
    name.remove_prefix(family.size());
    if (name == "_bucket") return HistogramLine::kBucket;
    if (name == "_count") return HistogramLine::kCount;
    return name == "_sum" ? HistogramLine::kSum : HistogramLine::kNone;
}

void append_quoted(std::string& out, std::string_view raw) {
    out.append("\"").append(raw).append("\"");
}

}  // namespace

// A line that was met for the first time, its labels in labels_: finds out whether it is a part of a
// histogram of its family. The key of the histogram is its series as text, labels in order, whatever the
// lines' own order.
void BodyScan::join_group(uint32_t id) {
    if (type_line_ == kNoEntry) return;
    std::string_view family = split_metadata_line(cache_.text(cache_.entries_[type_line_])).family;
    HistogramLine part = HistogramLine::kNone;
    std::optional<double> bound;
    std::vector<std::pair<std::string_view, std::string_view>> rest;
    for (const RawLabel& label : labels_) {
        if (label.name == "__name__") {
            part = part_of(label.value, family);
        } else if (label.name == "le") {
            bound = parse_float(unescape(label.value));
        } else {
            rest.emplace_back(label.name, label.value);
        }
    }
    bool is_bucket = part == HistogramLine::kBucket;
    if (part == HistogramLine::kNone || (is_bucket && (!bound || std::isnan(*bound)))) return;
    std::ranges::sort(rest);
    std::string key(1, kGroupKey);
    append_quoted(key += '{', family);
    for (auto [name, value] : rest) {
        append_quoted(key += ',', name);
        append_quoted(key += '=', value);
    }
    key += '}';
    if (key.size() > ScrapeCache::kMaxText) return;
    auto hash = static_cast<uint32_t>(hash_bytes(key));
    uint32_t group = cache_.find(key, hash);
    if (group == kNoEntry) group = cache_.insert_linked(key, hash, LineKind::kGroup, kNoEntry);
    ScrapeCache::Link& link = cache_.links_[id];
    link.parent = group;
    link.part = part;
    link.bound = is_bucket ? *bound : 0;
    link.swallowed = !options_.histograms.classic;
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
    cache_.parts_.push_back({link.parent, timestamp, timed, link.part, link.bound, value});
    return link.swallowed;
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
                case HistogramLine::kBucket:
                    h.bucket(parts[i].bound, parts[i].value);
                    break;
                case HistogramLine::kCount:
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
