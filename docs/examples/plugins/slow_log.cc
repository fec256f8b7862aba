// An access logger that writes a line for each exchange that took long: time, duration, status,
// endpoint, method and path, with tabs between.
//
//   access_logs { config { [access_loggers/slow_log] { text: "250 /var/log/weir/slow.log" } } }
//
// The text is the least duration in milliseconds, and the file.
#include <charconv>
#include <stdexcept>

#include <weir/plugin/kinds.hpp>

namespace sdk = weir::sdk;

namespace {

struct Settings {
  explicit Settings(sdk::Config& config) {
    const std::string text = config.text("text").value_or("");
    const auto read = std::from_chars(text.data(), text.data() + text.size(), least_ms);
    const size_t space = text.find(' ');
    if (read.ec != std::errc() || space == std::string::npos) {
      config.error("text", "is no number and file", "write \"250 slow.log\"");
      return;
    }
    file = config.path(std::string_view(text).substr(space + 1));
  }
  int64_t least_ms = 0;
  std::string file;
};

class SlowLog {
 public:
  SlowLog(const Settings& settings, sdk::Loop& loop)
      : settings_(settings), loop_(loop), file_(loop.file(settings.file)) {
    if (!file_) throw std::runtime_error("cannot open " + settings.file);
  }

  void log(const sdk::Exchange& exchange) {
    const int64_t took_ms = exchange.info.number(WEIR_NUMBER_ENDED).value_or(0) / 1'000'000;
    if (took_ms < settings_.least_ms) return;
    const auto now =
        std::chrono::duration_cast<std::chrono::milliseconds>(loop_.time().time_since_epoch());
    line_.clear();
    add(std::to_string(now.count()));
    add(std::to_string(took_ms));
    add(std::to_string(exchange.info.number(WEIR_NUMBER_STATUS).value_or(0)));
    add(exchange.info.text(WEIR_TEXT_UPSTREAM_ADDRESS).value_or("-"));
    add(exchange.request ? exchange.request.value(":method") : "-");
    add(exchange.request ? exchange.request.value(":path") : "-");
    line_.back() = '\n';
    file_.write(line_);
  }

 private:
  void add(std::string_view text) {
    line_ += text;
    line_ += '\t';
  }

  const Settings& settings_;
  sdk::Loop& loop_;
  sdk::File file_;
  std::string line_;  // kept, so that its memory is
};

}  // namespace

WEIR_PLUGIN("slow_log", "1.0", sdk::accessLogger<SlowLog, Settings>("slow_log"))
