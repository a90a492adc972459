#include "text/sample_lines.h"

#include <algorithm>
#include <charconv>

#include "json/number.h"
#include "text/histogram_text.h"
#include "text/number.h"
#include "text/series_text.h"

namespace narthex {

namespace {

constexpr std::string_view kMetric = "__name__";
constexpr size_t kTimeSpace = 64;

void label_pairs(const LabelSets& labels, size_t row, bool dump, const QuotedTexts& quoted,
                 std::string& out) {
    out += '{';
    bool first = true;
    for (LabelPair p : labels.row(row)) {
        std::string_view name = labels.text(p.name);
        if (!dump && name == kMetric) continue;
        if (!first) out += dump ? ", " : ",";
        first = false;
        if (is_plain_label_name(name)) {
            out += name;
        } else {
            quote(name, quoted, out);
        }
        out += '=';
        quote(labels.text(p.value), quoted, out);
    }
    out += '}';
}

// name{...}, or {"name",...} for a name that has to be quoted.
void openmetrics_series(const LabelSets& labels, size_t row, const QuotedTexts& quoted, std::string& out) {
    std::string_view name = labels.value(row, kMetric);
    if (name.empty() ||
        metric_name_end(name.data(), name.data() + name.size()) == name.data() + name.size()) {
        out += name;
        label_pairs(labels, row, false, quoted, out);
        return;
    }
    std::string rest;
    label_pairs(labels, row, false, quoted, rest);
    out += '{';
    quote(name, quoted, out);
    if (rest != "{}") out += ',';
    out.append(rest, 1);
}

char* milliseconds(char* at, int64_t t) {
    return std::to_chars(at, at + 24, t).ptr;
}

char* seconds(char* at, int64_t t) {
    constexpr int64_t kExact = int64_t{1} << 53;
    // Beyond, the peer's arithmetic rounds.
    if (t <= -kExact || t >= kExact)
        return std::to_chars(at, at + 40, static_cast<double>(t) / 1000, std::chars_format::fixed, 3).ptr;
    char* end = write_seconds(at, t);
    if (t % 1000 == 0) end = std::copy_n(".000", 4, end);
    return end;
}

class RowWriter {
  public:
    RowWriter(SampleLineFormat format, std::string& out) : format_(format), out_(out) {}

    void row(std::string_view series, const SampleBuffer& floats, const HistogramColumns& histograms) {
        size_t next = 0;
        auto run = histograms.runs.begin();
        for (size_t i = 0; i < floats.size(); ++i) {
            int64_t t = floats.times()[i];
            for (; next < histograms.size() && histograms.times[next] < t; ++next)
                histogram(series, histograms, run, next);
            float_line(series, t, floats.values()[i]);
        }
        for (; next < histograms.size(); ++next) histogram(series, histograms, run, next);
    }

  private:
    void float_line(std::string_view series, int64_t t, double v) {
        char line[kShortestSpace + kTimeSpace];
        char* at = line;
        *at++ = ' ';
        at = write_shortest(at, v);
        time(at, t, line, series);
    }

    void time(char* at, int64_t t, const char* begin, std::string_view series) {
        *at++ = ' ';
        at = format_ == SampleLineFormat::kDump ? milliseconds(at, t) : seconds(at, t);
        *at++ = '\n';
        out_ += series;
        out_.append(begin, static_cast<size_t>(at - begin));
    }

    void histogram(std::string_view series, const HistogramColumns& all,
                   std::vector<HistogramRun>::const_iterator& run, size_t sample) {
        if (format_ == SampleLineFormat::kOpenMetrics) return;
        while (run->last <= sample) ++run;
        out_ += series;
        out_ += ' ';
        write_histogram(all, *run, sample, out_);
        char tail[kTimeSpace];
        time(tail, all.times[sample], tail, {});
    }

    SampleLineFormat format_;
    std::string& out_;
};

}  // namespace

size_t write_sample_lines(const SeriesBatch& batch, size_t first, int64_t mint, int64_t maxt,
                          SampleLineFormat format, const QuotedTexts& quoted, size_t budget,
                          std::string& out) {
    SampleBuffer floats;
    HistogramColumns histograms;
    std::string series;
    RowWriter writer(format, out);
    size_t row = first;
    for (; row < batch.rows() && out.size() < budget; ++row) {
        series.clear();
        if (format == SampleLineFormat::kDump) {
            label_pairs(batch.labels, row, true, quoted, series);
        } else {
            openmetrics_series(batch.labels, row, quoted, series);
        }
        decode_row(batch, row, mint, maxt, floats);
        decode_histograms(batch, row, mint, maxt, histograms);
        writer.row(series, floats, histograms);
    }
    return row;
}

}  // namespace narthex
