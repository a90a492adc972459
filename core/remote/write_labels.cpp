// The labels of a TimeSeries message: reading them, what is wrong with them, and how they are told about.
#include <algorithm>

#include "bytes/utf8.h"
#include "remote/write_request.h"
#include "text/metadata_line.h"
#include "text/quoting.h"

namespace narthex {

namespace {

constexpr std::string_view kMetricName = "__name__";

// Field number in a TimeSeries of version 2.0.
constexpr uint32_t kMetadata = 5;

}  // namespace

std::string WriteRequest::text_of(const Pairs& labels) {
    std::string out = "{";
    for (auto [name, value] : labels) {
        if (out.size() > kMostText) break;
        if (out.size() > 1) out += ", ";
        if (is_plain_label_name(name)) {
            out += name;
        } else {
            quote_ascii(name.substr(0, kMostText), out);
        }
        out += '=';
        quote_ascii(value.substr(0, kMostText), out);
    }
    out += '}';
    return out;
}

std::string WriteRequest::read_labels(ProtoReader in, Pairs& out) {
    out.clear();
    numbers_.clear();
    while (in.next()) {
        if (in.field() != kLabels) {
            in.skip();
        } else if (version2_) {
            in.each_uint32([&](uint32_t number) { numbers_.push_back(number); });
        } else {
            auto& [name, value] = out.emplace_back();
            for (ProtoReader label = in.message(); label.next();) {
                if (label.field() == 1) {
                    name = label.string();
                } else if (label.field() == 2) {
                    value = label.string();
                } else {
                    label.skip();
                }
            }
        }
    }
    if (numbers_.size() % 2 != 0) return "invalid labelRefs length " + std::to_string(numbers_.size());
    for (size_t i = 0; i < numbers_.size(); i += 2) {
        uint32_t name = numbers_[i], value = numbers_[i + 1];
        if (name >= symbols_.size() || value >= symbols_.size()) {
            return "labelRefs " + std::to_string(name) + " (name) = " + std::to_string(value) +
                   " (value) outside of symbols table (size " + std::to_string(symbols_.size()) + ")";
        }
        out.emplace_back(symbol(name), symbol(value));
    }
    return {};
}

// In place of labels of the series' own, where its metadata says something.
std::string WriteRequest::take_type_and_unit(ProtoReader in, Pairs& labels) const {
    if (!type_and_unit_) return {};
    uint64_t type = 0;
    uint32_t unit = 0;
    while (in.next()) {
        if (in.field() != kMetadata) {
            in.skip();
            continue;
        }
        for (ProtoReader metadata = in.message(); metadata.next();) {
            if (metadata.field() == 1) {
                type = metadata.uint64();
            } else if (metadata.field() == 4) {
                unit = metadata.uint32();
            } else {
                metadata.skip();
            }
        }
    }
    if (unit != 0 && unit >= symbols_.size())
        return "metadata unit_ref " + std::to_string(unit) + " outside of symbols table (size " +
               std::to_string(symbols_.size()) + ")";
    bool typed = type != 0 && type <= static_cast<uint64_t>(MetricType::kStateSet);
    std::string_view unit_text = unit == 0 ? "" : symbol(unit);
    if (!typed && unit_text.empty()) return {};
    std::erase_if(labels,
                  [](const auto& label) { return label.first == "__type__" || label.first == "__unit__"; });
    if (typed) labels.emplace_back("__type__", metric_type_name(static_cast<MetricType>(type)));
    if (!unit_text.empty()) labels.emplace_back("__unit__", unit_text);
    return {};
}

bool WriteRequest::read_sound_labels(ProtoReader in, Pairs& out, std::string& reason) {
    std::string what = "labels";
    reason = read_labels(in, out);
    if (reason.empty()) {
        reason = take_type_and_unit(in, out);
        if (reason.empty()) return check_labels(out, reason);
        what = "metadata";
    }
    std::string list;
    for (uint32_t number : numbers_) {
        if (list.size() > kMostText) break;
        if (!list.empty()) list += ' ';
        list += std::to_string(number);
    }
    reason = "parsing " + what + " for series [" + list + "]: " + reason;
    return false;
}

bool WriteRequest::check_labels(Pairs& labels, std::string& reason) const {
    std::sort(labels.begin(), labels.end());
    bool named = false, valid = true;
    for (auto [name, value] : labels) {
        named |= name == kMetricName;
        valid &= !name.empty() && is_utf8(name) && is_utf8(value) && (name != kMetricName || !value.empty());
    }
    if (!named || !valid) {
        reason = "invalid metric name or labels, got " + text_of(labels);
        return false;
    }
    auto twice = std::adjacent_find(labels.begin(), labels.end(),
                                    [](const auto& a, const auto& b) { return a.first == b.first; });
    if (twice == labels.end()) return true;
    reason = "invalid labels for series, labels " + text_of(labels) + ", duplicated label " +
             std::string(twice->first.substr(0, kMostText));
    return false;
}

std::string WriteRequest::label_text(uint32_t source) {
    ProtoReader in = reader(sources_.at(source));
    read_labels(in, labels_);
    take_type_and_unit(in, labels_);
    std::sort(labels_.begin(), labels_.end());
    return text_of(labels_);
}

}  // namespace narthex
