#include "extensions/http_filters/compressor/config.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/weir/extensions/http_filters/compressor/v1/compressor.pb.h"
#include "extensions/http_filters/compressor/compressor.h"
#include "source/base/concat.h"
#include "source/config/fields.h"

namespace weir::extensions::http_filters::compressor {
namespace {

using common::codecs::Coding;
using common::codecs::EncoderSettings;

constexpr uint32_t kMaxLeast = 1024 * 1024;
constexpr uint32_t kMaxEncoders = 1'000'000;
constexpr config::DurationRange kFlushDelay{std::chrono::milliseconds(10),
                                            std::chrono::seconds(10)};

int number(uint32_t value, uint32_t fallback, config::NumberRange range, const config::Cursor& at) {
  return static_cast<int>(config::readNumberOr(value, fallback, range, at));
}

EncoderSettings gzipSettings(const v1::Compressor::Gzip& from, const config::Cursor& at) {
  return {.coding = Coding::kGzip,
          .level = number(from.level(), 5, {1, 9}, at.field("level")),
          .window_bits = number(from.window_bits(), 15, {9, 15}, at.field("window_bits")),
          .memory_level = number(from.memory_level(), 8, {1, 9}, at.field("memory_level"))};
}

EncoderSettings brotliSettings(const v1::Compressor::Brotli& from, const config::Cursor& at) {
  const uint64_t quality =
      from.has_quality() ? config::readNumber(from.quality(), {0, 11}, at.field("quality")) : 4;
  return {.coding = Coding::kBrotli,
          .level = static_cast<int>(quality),
          .window_bits = number(from.window_bits(), 18, {10, 24}, at.field("window_bits"))};
}

EncoderSettings zstdSettings(const v1::Compressor::Zstd& from, const config::Cursor& at) {
  return {.coding = Coding::kZstd,
          .level = number(from.level(), 3, {1, 19}, at.field("level")),
          .window_bits = number(from.window_bits(), 18, {10, 23}, at.field("window_bits"))};
}

std::optional<Coding> codingIn(int value) {
  switch (value) {
    case v1::Compressor::GZIP:
      return Coding::kGzip;
    case v1::Compressor::BROTLI:
      return Coding::kBrotli;
    case v1::Compressor::ZSTD:
      return Coding::kZstd;
    default:
      return std::nullopt;
  }
}

std::vector<EncoderSettings> readCodings(const v1::Compressor& from, const config::Cursor& at) {
  std::vector<Coding> codings;
  for (int i = 0; i < from.codings_size(); ++i) {
    const auto coding = codingIn(from.codings(i));
    const config::Cursor here = at.at("codings", i);
    if (!coding) {
      here.error("is no coding", "write GZIP, BROTLI or ZSTD");
    } else if (std::find(codings.begin(), codings.end(), *coding) != codings.end()) {
      here.error("stands there already", "write each coding once");
    } else {
      codings.push_back(*coding);
    }
  }
  if (from.codings().empty()) codings = {Coding::kZstd, Coding::kBrotli, Coding::kGzip};
  const EncoderSettings gzip = gzipSettings(from.gzip(), at.field("gzip"));
  const EncoderSettings brotli = brotliSettings(from.brotli(), at.field("brotli"));
  const EncoderSettings zstd = zstdSettings(from.zstd(), at.field("zstd"));
  std::vector<EncoderSettings> settings;
  for (const Coding coding : codings) {
    settings.push_back(coding == Coding::kGzip ? gzip : coding == Coding::kBrotli ? brotli : zstd);
  }
  return settings;
}

Flush flushOf(int value) {
  switch (value) {
    case v1::Compressor::FLUSH_EACH_PIECE:
      return Flush::kEachPiece;
    case v1::Compressor::FLUSH_AT_END:
      return Flush::kAtEnd;
    default:
      return Flush::kAuto;
  }
}

// What `from` gives replaces what `to` has.
void readPolicy(const v1::Compressor& from, const config::Cursor& at, CompressorPolicy& to) {
  if (from.has_min_bytes()) {
    to.min_bytes = static_cast<uint32_t>(
        config::readNumber(from.min_bytes(), {0, kMaxLeast}, at.field("min_bytes")));
  }
  std::vector<std::string> types;
  for (int i = 0; i < from.content_types_size(); ++i) {
    const std::string& type = from.content_types(i);
    if (!common::codecs::MediaTypes::isPattern(type)) {
      at.at("content_types", i)
          .error(base::concat("\"", type, "\" is no media type"),
                 "write \"type/subtype\", \"type/*\" or \"*/*+suffix\", without parameters");
    }
    types.push_back(type);
  }
  if (!types.empty()) to.types = common::codecs::MediaTypes(std::move(types));
  if (from.has_flush()) to.flush = flushOf(from.flush());
  const auto* const delay = from.has_flush_delay() ? &from.flush_delay() : nullptr;
  to.flush_delay =
      config::readDuration(delay, to.flush_delay, kFlushDelay, at.field("flush_delay"));
  if (from.has_remove_accept_encoding()) to.remove_accept_encoding = from.remove_accept_encoding();
}

CompressorStats makeStats(stats::Store& store, const std::string& name,
                          const std::vector<EncoderSettings>& encoders) {
  CompressorStats ids{};
  for (const EncoderSettings& encoder : encoders) {
    const auto counter = [&](std::string_view metric, std::string_view help) {
      return store.counter(
          metric, help,
          {{"filter", name}, {"coding", std::string(common::codecs::codingName(encoder.coding))}});
    };
    ids.coding[static_cast<size_t>(encoder.coding)] = {
        .responses = counter("compressor_responses_total", "Responses compressed."),
        .bytes_in = counter("compressor_bytes_in_total", "Bytes before compression."),
        .bytes_out = counter("compressor_bytes_out_total", "Bytes after compression.")};
  }
  for (size_t i = 0; i < kSkipped; ++i) {
    ids.skipped[i] = store.counter(
        "compressor_skipped_total", "Responses left as they were, by the reason.",
        {{"filter", name}, {"reason", std::string(skippedName(static_cast<Skipped>(i)))}});
  }
  return ids;
}

void refuseInRoute(bool there, const config::Cursor& at) {
  if (there) at.error("belongs to the filter, in the connection manager", "leave it out here");
}

}  // namespace

std::shared_ptr<const http::HttpFilterFactory> CompressorExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::Compressor&>(config);
  CompressorConfig to;
  readPolicy(from, at, to.policy);
  to.encoders = readCodings(from, at);
  to.max_encoders = config::readNumberOr(from.max_encoders(), to.max_encoders, {1, kMaxEncoders},
                                         at.field("max_encoders"));
  const std::string name =
      from.stat_prefix().empty() ? std::string(context.listener_name) : from.stat_prefix();
  to.stats = makeStats(context.stats, name, to.encoders);
  return std::make_shared<CompressorFilterFactory>(std::move(to));
}

std::shared_ptr<const http::RouteFilterConfig> CompressorExtension::compileRoute(
    const google::protobuf::Message& config, const http::HttpFilterFactory& filter,
    const config::Cursor& at, config::CompileContext&) const {
  const auto& from = static_cast<const v1::Compressor&>(config);
  refuseInRoute(!from.codings().empty(), at.field("codings"));
  refuseInRoute(from.has_gzip(), at.field("gzip"));
  refuseInRoute(from.has_brotli(), at.field("brotli"));
  refuseInRoute(from.has_zstd(), at.field("zstd"));
  refuseInRoute(from.max_encoders() != 0, at.field("max_encoders"));
  refuseInRoute(!from.stat_prefix().empty(), at.field("stat_prefix"));
  auto to = std::make_shared<CompressorPolicy>(
      static_cast<const CompressorFilterFactory&>(filter).config().policy);
  readPolicy(from, at, *to);
  return to;
}

}  // namespace weir::extensions::http_filters::compressor
