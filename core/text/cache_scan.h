// What the readers of all formats do with a ScrapeCache: entries met in the order of the body, samples,
// exemplars.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "exposition/classic_histogram.h"
#include "text/scrape_cache.h"

namespace narthex {

class CacheScan {
  protected:
    using Entry = ScrapeCache::Entry;
    using LabelViews = std::vector<std::pair<std::string_view, std::string_view>>;

    CacheScan(ScrapeCache& cache, const ScanOptions& options) : cache_(cache), options_(options) {}

    // Notes that an entry occurs in this body. Those that followed it last time are expected to follow again.
    void meet(uint32_t id) {
        if (id < cache_.placed_) expected_ = id + 1;
        Entry& e = cache_.entries_[id];
        if (e.seen == cache_.scan_) return;
        if (id != cache_.order_.size()) cache_.moved_ = true;
        cache_.order_.push_back(id);
        // A series counts as seen once its sample is read.
        if (ScrapeCache::is_series(e)) return;
        if (e.seen == 0 || e.seen + 1 != cache_.scan_) ++counts_.new_metadata;
        e.seen = cache_.scan_;
    }

    // Counts a sample of the series; false when it repeats one and is to be left out. Gives back the
    // timestamp that is to be stored.
    bool take(uint32_t id, int64_t& timestamp, bool timed) {
        ++counts_.samples;
        if (timed) ++counts_.explicit_timestamps;
        if (!options_.honor_timestamps) {
            timestamp = options_.default_timestamp;
            timed = false;
        }
        Entry& e = cache_.entries_[id];
        if (e.seen != cache_.scan_) {
            e.seen = cache_.scan_;
            e.timed_now = timed;
            if (e.ref >= kRefUnstored && e.ref != kRefDropped) cache_.unknown_.push_back(id);
        } else if (!timed) {
            e.timed_now = false;
            cache_.repeated_.push_back(id);
            return false;
        }
        return true;
    }

    // Gives whether it is kept.
    bool sample(uint32_t id, int64_t timestamp, bool timed, double value) {
        if (!take(id, timestamp, timed)) return false;
        cache_.ids_.push_back(id);
        cache_.timestamps_.push_back(timestamp);
        cache_.values_.push_back(value);
        return true;
    }

    // Notes the start time of the newest of `ids`.
    static void set_start(const std::vector<uint32_t>& ids, std::vector<int64_t>& starts, int64_t start) {
        starts.resize(ids.size());
        starts.back() = start;
    }

    // A classic histogram as one sample of the series. Gives whether it is kept.
    bool converted(uint32_t id, int64_t timestamp, bool timed, bool gauge, const ClassicHistogram& h) {
        ++counts_.histograms;
        if (!take(id, timestamp, timed)) return false;
        ScrapeCache::Histograms& all = cache_.histograms_;
        all.over_limit.push_back(!h.add(gauge, options_.histograms.bucket_limit, all.values));
        all.ids.push_back(id);
        all.timestamps.push_back(timestamp);
        return true;
    }

    // `labels` are in force during the call only. One whose label names repeat is left out.
    void exemplar(uint32_t id, int64_t timestamp, double value, LabelViews& labels) {
        std::ranges::sort(labels);
        auto same_name = [](const auto& a, const auto& b) { return a.first == b.first; };
        if (std::ranges::adjacent_find(labels, same_name) != labels.end()) return;
        ScrapeCache::Exemplars& all = cache_.exemplars_;
        all.labels.add_row(labels);
        all.ids.push_back(id);
        all.timestamps.push_back(timestamp);
        all.values.push_back(value);
    }

    ScrapeCache& cache_;
    const ScanOptions& options_;
    uint32_t expected_ = 0;  // the entry that should come next
    ScanCounts counts_;
};

}  // namespace narthex
