#include "extensions/health_checkers/exec/verdict.h"

#include <string.h>

#include <algorithm>

#include "source/base/concat.h"

namespace weir::extensions::health_checkers::exec {
namespace {

using Verdict = upstream::ProbeResult::Verdict;

constexpr size_t kMaxLine = 200;
constexpr std::string_view kMore = "...";

bool isPrintable(char c) {
  return c >= ' ' && c <= '~';
}

// "killed by SIGSEGV", "exit 2"
std::string endText(const event::ProgramEnd& end) {
  if (end.exit_code == event::ProgramEnd::kUnknown) return "its exit code is not known";
  if (end.signal == 0) return base::concat("exit ", end.exit_code);
  const char* const name = ::sigabbrev_np(end.signal);
  return name != nullptr ? base::concat("killed by SIG", name)
                         : base::concat("killed by signal ", end.signal);
}

Verdict verdictOn(const event::ProgramEnd& end, int degraded_exit_code) {
  if (end.exit_code == event::ProgramEnd::kUnknown) return Verdict::kSkipped;
  if (end.signal != 0) return Verdict::kUnhealthy;
  if (end.exit_code == 0) return Verdict::kHealthy;
  return end.exit_code == degraded_exit_code ? Verdict::kDegraded : Verdict::kUnhealthy;
}

}  // namespace

std::string firstLine(std::string_view output) {
  const size_t begin = output.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  output.remove_prefix(begin);
  output = output.substr(0, output.find_first_of("\r\n"));
  std::string line(output.substr(0, kMaxLine));
  if (output.size() > kMaxLine) line.replace(kMaxLine - kMore.size(), kMore.size(), kMore);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return !isPrintable(c); }, '?');
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

upstream::ProbeResult verdictOn(const event::ProgramResult& result, int degraded_exit_code) {
  if (!result.started.ok()) {
    return {.verdict = Verdict::kSkipped,
            .reason = base::concat("cannot run ", base::view(result.started.message()))};
  }
  upstream::ProbeResult verdict{.verdict = verdictOn(result.end, degraded_exit_code)};
  if (verdict.verdict == Verdict::kHealthy) return verdict;
  verdict.reason = endText(result.end);
  std::string line = firstLine(result.err);
  if (line.empty()) line = firstLine(result.out);
  if (!line.empty()) verdict.reason += base::concat(": ", line);
  return verdict;
}

}  // namespace weir::extensions::health_checkers::exec
