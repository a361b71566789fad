/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report_style.c - how the page looks. Colours are variables, one set for each
 * scheme; the four outcomes differ in lightness as well as in hue.
 */
#include <string.h>

#include "cli/report_page.h"
#include "common/base/sha256.h"
#include "common/base/text.h"

#define DARK \
	"color-scheme:dark;--bg:#0f131a;--card:#171d27;--ink:#e8ecf2;--soft:#" \
	"9ba6b5;--" \
	"line:#283040;--track:#232b38;--pass:#3dae8c;--kept:#efb04f;--" \
	"quar:#a78bea;--reje:#ea6a64;--link:#86aefc;--ok:#17362e;--" \
	"mid:#33291a;--bad:#3a2122"

const char report_style[] =
    ":root{color-scheme:light dark;--bg:#f4f6f8;--card:#fff;--ink:#18202c;--"
    "soft:#5b6675;--line:#e2e7ee;--track:#e9edf2;--pass:#16806a;--"
    "kept:#e39a26;--quar:#8159cf;--reje:#c43d3d;--link:#1f56c2;--"
    "ok:#dff3ec;--mid:#fcf0d9;--bad:#fbe4e2}"
    "@media(prefers-color-scheme:dark){:root{" DARK "}}"
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--bg);color:var(--ink);"
    "font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,Ubuntu,"
    "'Liberation Sans',sans-serif;-webkit-text-size-adjust:100%}"
    "main,header,footer{max-width:1180px;margin:0 auto;padding:0 24px}"
    "header{padding-top:36px}"
    "h1{font-size:28px;line-height:1.2;letter-spacing:-.02em;margin:0 0 6px;"
    "font-weight:700;overflow-wrap:anywhere}"
    ".sub{color:var(--soft);margin:0;overflow-wrap:anywhere}"
    "a{color:var(--link);text-decoration:none}a:hover{text-decoration:"
    "underline}a:focus-visible{outline:2px solid var(--link);"
    "outline-offset:2px}"
    ".cards{display:grid;gap:14px;margin:26px 0 0;"
    "grid-template-columns:repeat(auto-fit,minmax(165px,1fr))}"
    ".card,section{background:var(--card);border:1px solid var(--line);"
    "border-radius:12px}"
    ".card{padding:16px 18px 14px}"
    ".card b{display:block;font-size:27px;line-height:1.25;font-weight:650;"
    "letter-spacing:-.02em;font-variant-numeric:tabular-nums}"
    ".card span{color:var(--soft);font-size:13px;display:block}"
    ".card .k{font-size:13px;font-weight:600;color:var(--ink)}"
    "section{margin:18px 0 0;padding:20px 22px 10px}"
    "h2{font-size:17px;margin:0;letter-spacing:-.01em;font-weight:650}"
    ".note{color:var(--soft);font-size:13px;margin:3px 0 0;max-width:75ch}"
    ".none{color:var(--soft);margin:6px 0 10px}"
    "table{border-collapse:collapse;width:100%;margin:10px 0 6px;"
    "font-size:14px}"
    "th{font-weight:600;font-size:12px;color:var(--soft);text-align:left;"
    "padding:6px 14px 6px 0;border-bottom:1px solid var(--line);"
    "vertical-align:bottom;white-space:nowrap}"
    "td{padding:8px 14px 8px 0;border-bottom:1px solid var(--line);"
    "vertical-align:top;overflow-wrap:anywhere;min-width:52px}"
    "tr:last-child td{border-bottom:0}"
    "th:last-child,td:last-child{padding-right:0}"
    "td:first-child{font-weight:550}"
    ".n{text-align:right;font-variant-numeric:tabular-nums;"
    "white-space:nowrap;overflow-wrap:normal}"
    ".w{white-space:nowrap;font-variant-numeric:tabular-nums}"
    ".x{color:var(--soft)}"
    ".c{font:12.5px/1.55 ui-monospace,SFMono-Regular,Menlo,"
    "'Liberation Mono','DejaVu Sans Mono',monospace}"
    "svg{display:block;width:100%}"
    ".bar{width:84px;height:8px;border-radius:4px;overflow:hidden;"
    "display:inline-block;vertical-align:middle}"
    ".sh{white-space:nowrap}.sh .bar{margin-right:6px}"
    ".v{display:inline-block;min-width:52px}"
    ".t{fill:var(--track)}.p{fill:var(--pass)}.f{fill:var(--kept)}"
    ".q{fill:var(--quar)}.r{fill:var(--reje)}"
    ".badge{display:inline-block;white-space:nowrap;border-radius:6px;padding:"
    "1px 8px;"
    "font-size:13px;font-weight:550;background:var(--track)}"
    ".ok{background:var(--ok)}.mid{background:var(--mid)}"
    ".bad{background:var(--bad)}"
    ".legend{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:13px;"
    "color:var(--soft);margin:6px 0 0;padding:0;list-style:none}"
    ".legend svg{width:10px;height:10px;display:inline-block;"
    "margin-right:6px;border-radius:3px;vertical-align:-.5px}"
    ".plot{position:relative;margin:14px 0 0}"
    ".plot svg{height:190px;border-bottom:1px solid var(--line)}"
    ".plot .rate{height:64px}"
    ".plot g:hover rect{opacity:.75}"
    ".max{position:absolute;top:0;left:0;font-size:12px;"
    "color:var(--soft);background:var(--card);padding-right:6px;"
    "line-height:1}"
    ".plot .gap{padding-top:22px}"
    ".grid{stroke:var(--line);stroke-width:1;"
    "vector-effect:non-scaling-stroke}"
    ".line{fill:none;stroke:var(--pass);stroke-width:2;"
    "stroke-linejoin:round;vector-effect:non-scaling-stroke}"
    ".area{fill:var(--pass);opacity:.14}"
    ".axis{display:flex;justify-content:space-between;font-size:12px;"
    "color:var(--soft);margin:6px 0 10px;font-variant-numeric:tabular-nums}"
    "form{display:grid;gap:10px 12px;margin:22px 0 0;align-items:end;"
    "grid-template-columns:repeat(auto-fit,minmax(150px,1fr))}"
    "label{font-size:12px;font-weight:600;color:var(--soft);display:block}"
    "input,button{font:inherit;font-size:14px;color:var(--ink);"
    "background:var(--card);border:1px solid var(--line);border-radius:8px;"
    "padding:7px 10px;width:100%;min-height:38px}"
    "button{background:var(--link);border-color:var(--link);color:var(--card);"
    "font-weight:600;cursor:pointer}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 18px;"
    "margin:10px 0;font-size:14px}dt{color:var(--soft)}"
    "dd{margin:0;overflow-wrap:anywhere}"
    "footer{color:var(--soft);font-size:13px;padding-top:22px;"
    "padding-bottom:40px;overflow-wrap:anywhere}"
    "@media(max-width:760px){main,header,footer{padding-left:14px;"
    "padding-right:14px}header{padding-top:22px}h1{font-size:23px}"
    ".card:last-child{grid-column:1/-1}.cards{grid-template-columns:1fr "
    "1fr;gap:10px;margin-top:18px}"
    ".card{padding:12px 14px}.card b{font-size:22px}"
    "section{padding:16px 14px 6px;margin-top:14px}"
    ".plot svg{height:140px}.plot .rate{height:52px}"
    "thead{display:none}"
    "table,tbody{display:block}tr{display:grid;"
    "grid-template-columns:1fr 1fr;gap:2px 16px;padding:11px 0;"
    "border-bottom:1px solid var(--line)}tr:last-child{border-bottom:0}"
    "td{display:flex;justify-content:space-between;gap:12px;border:0;"
    "padding:1px 0;text-align:right;min-width:0;font-size:13.5px}"
    "td::before{content:attr(data-l);color:var(--soft);font-weight:400;"
    "white-space:nowrap;text-align:left;"
    "font:13px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,Ubuntu,"
    "'Liberation Sans',sans-serif}"
    "td:first-child,td.wide{grid-column:1/-1}"
    "td:first-child{font-size:15px;text-align:left;"
    "font-weight:600;padding-bottom:2px}td:first-child::before{content:none}"
    "td.e{display:none}.sh .bar{width:44px}.v{min-width:44px}"
    "dl{grid-template-columns:1fr}dt{margin-top:6px}}"
    "@media print{:root{--bg:#fff;--card:#fff;--ink:#000;--soft:#444;--"
    "line:#ccc;--track:#e6e6e6;--link:#000}"
    "body{font-size:11px}main,header,footer{max-width:none;padding:0}"
    "header{padding-top:0}section,.card{border-radius:0}"
    ".card,tr,.plot{break-inside:avoid}h2,.note{break-after:avoid}"
    "section{border:0;border-top:1px solid #ccc;padding:12px 0 4px}"
    "table{font-size:10.5px}td{padding-top:4px;padding-bottom:4px}"
    ".cards{grid-template-columns:repeat(5,1fr);gap:8px}"
    ".card b{font-size:18px}form{display:none}"
    "rect,.area,.badge{print-color-adjust:exact;"
    "-webkit-print-color-adjust:exact}.plot svg{height:120px}}";

/* The digest in the plain alphabet of base64: browsers compare it as text. */
static const char *
digest_of(struct arena *a, const char *text)
{
	unsigned char digest[SHA256_BYTES];
	char *out = arena_alloc(a, 2 * SHA256_BYTES), *p;
	struct sha256 *sha = sha256_new();

	sha256_add(sha, text, strlen(text));
	sha256_end(sha, digest);
	sha256_free(&sha);
	text_base64url(digest, sizeof(digest), out);
	for (p = out; *p != '\0'; p++)
		*p = *p == '-' ? '+' : *p == '_' ? '/' : *p;
	return out;
}

const char *
report_policy(struct arena *a)
{
	return arena_printf(a,
	    "default-src 'none'; style-src 'sha256-%s='; base-uri 'none'; "
	    "form-action 'self'",
	    digest_of(a, report_style));
}
