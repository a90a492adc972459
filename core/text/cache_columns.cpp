// What a scan gave, as columns of what is stored.
#include <algorithm>
#include <utility>

#include "text/scrape_cache.h"

namespace narthex {

SampleColumns ScrapeCache::samples() const {
    SampleColumns out;
    size_t n = ids_.size();
    out.refs.resize(n);
    out.timestamps.resize(n);
    out.values.resize(n);
    size_t stored = 0;
    for (size_t i = 0; i < n; ++i) {
        uint64_t ref = entries_[ids_[i]].ref;
        out.kept += ref <= kRefUnstored;
        out.refs[stored] = ref;
        out.timestamps[stored] = timestamps_[i];
        out.values[stored] = values_[i];
        stored += is_stored(ref);
    }
    out.refs.resize(stored);
    out.timestamps.resize(stored);
    out.values.resize(stored);
    for (uint32_t id : repeated_) out.duplicates += entries_[id].ref <= kRefUnstored;
    out.kept += out.duplicates;
    return out;
}

HistogramSampleColumns ScrapeCache::histograms() const {
    HistogramSampleColumns out;
    std::vector<uint32_t> stored;
    for (size_t i = 0; i < histograms_.ids.size(); ++i) {
        uint64_t ref = entries_[histograms_.ids[i]].ref;
        out.kept += ref <= kRefUnstored;
        if (!is_stored(ref)) continue;
        stored.push_back(static_cast<uint32_t>(i));
        out.refs.push_back(ref);
        out.timestamps.push_back(histograms_.timestamps[i]);
        out.over_limit += histograms_.over_limit[i];
    }
    out.values = histograms_.values.pick(stored);
    return out;
}

StartColumns ScrapeCache::starts() const {
    auto stored = [this](const std::vector<uint32_t>& ids, const std::vector<int64_t>& starts) {
        std::vector<int64_t> out;
        for (size_t i = 0; !starts.empty() && i < ids.size(); ++i) {
            if (is_stored(entries_[ids[i]].ref)) out.push_back(i < starts.size() ? starts[i] : 0);
        }
        return out;
    };
    return {stored(ids_, starts_), stored(histograms_.ids, histograms_.starts)};
}

ExemplarColumns ScrapeCache::exemplars() const {
    std::vector<uint32_t> order;
    for (uint32_t i = 0; i < exemplars_.ids.size(); ++i) {
        if (is_stored(entries_[exemplars_.ids[i]].ref)) order.push_back(i);
    }
    std::ranges::stable_sort(
        order, {}, [this](uint32_t i) { return std::pair(exemplars_.ids[i], exemplars_.timestamps[i]); });
    ExemplarColumns out;
    out.labels = LabelSets(exemplars_.labels.symbols());
    for (uint32_t i : order) {
        out.refs.push_back(entries_[exemplars_.ids[i]].ref);
        out.timestamps.push_back(exemplars_.timestamps[i]);
        out.values.push_back(exemplars_.values[i]);
        out.labels.add_row(exemplars_.labels.row(i));
    }
    return out;
}

}  // namespace narthex
