// An HTTP filter that compresses texts on their way to clients that can read gzip, piece by piece
// as they come, with zlib. The configuration's text is zlib's level, 1 … 9; 6 when it is empty.
#include <zlib.h>

#include <stdexcept>

#include <weir/plugin/plugin.hpp>

namespace sdk = weir::sdk;

namespace {

struct Settings {
  explicit Settings(sdk::Config& config) {
    if (config.text("text").value_or("").empty()) return;
    level = config.number<int>("text").value_or(6);
    if (level < 1 || level > 9) config.error("text", "is no level of zlib", "write 1 … 9");
  }
  int level = 6;
};

// A gzip stream of zlib's.
class Deflater {
 public:
  explicit Deflater(int level) {
    if (deflateInit2(&zlib_, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::runtime_error("zlib has no memory");
    }
  }
  ~Deflater() { deflateEnd(&zlib_); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  std::string add(std::string_view bytes, bool end) {
    zlib_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    zlib_.avail_in = static_cast<uInt>(bytes.size());
    std::string out;
    char room[16 * 1024];
    do {
      zlib_.next_out = reinterpret_cast<Bytef*>(room);
      zlib_.avail_out = sizeof room;
      // What came is sent on at once: a client may wait for it.
      deflate(&zlib_, end ? Z_FINISH : Z_SYNC_FLUSH);
      out.append(room, sizeof room - zlib_.avail_out);
    } while (zlib_.avail_out == 0);
    return out;
  }

 private:
  z_stream zlib_ = {};
};

class Gzip {
 public:
  static constexpr sdk::BodyNeeds kBodyNeeds{.response = sdk::BodyMode::kStream};

  Gzip(const Settings& settings, sdk::Stream& stream) : settings_(settings), stream_(stream) {}

  sdk::Verdict onRequestHead(sdk::Headers head, bool) {
    wanted_ = head.value("accept-encoding").find("gzip") != std::string_view::npos &&
              head.value(":method") != "HEAD";
    return sdk::Verdict::kContinue;
  }
  sdk::Verdict onResponseHead(sdk::Headers head, bool end_stream) {
    const bool is_text = head.value("content-type").starts_with("text/");
    if (is_text) head.add("vary", "accept-encoding");
    const bool whole = head.value(":status") == "200" && !head.get("content-range");
    if (end_stream || !wanted_ || !is_text || !whole || head.get("content-encoding")) {
      stream_.setBodyNeeds({});
      return sdk::Verdict::kContinue;
    }
    deflater_.emplace(settings_.level);
    head.set("content-encoding", "gzip");
    head.remove("etag");  // of the bytes as they were
    stream_.forgetResponseLength();
    return sdk::Verdict::kContinue;
  }
  sdk::Verdict onResponseBody(sdk::Buffer body, bool end_stream) {
    if (deflater_) body.replace(deflater_->add(body.bytes(), end_stream));
    return sdk::Verdict::kContinue;
  }
  sdk::Verdict onResponseTrailers(sdk::Headers) {
    if (!deflater_) return sdk::Verdict::kContinue;
    sdk::OwnBuffer rest(stream_.loop());
    rest.append(deflater_->add({}, true));
    stream_.addResponseBody(rest);
    return sdk::Verdict::kContinue;
  }

 private:
  const Settings& settings_;
  sdk::Stream& stream_;
  bool wanted_ = false;
  std::optional<Deflater> deflater_;
};

}  // namespace

WEIR_PLUGIN("gzip", "1.0", sdk::httpFilter<Gzip, Settings>("gzip"))
