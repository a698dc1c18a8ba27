#include "report/report_parts.hpp"

namespace demo {

// Colour-blind readers can tell orange from blue, and every colour comes with a second mark (hatching, shape, line).
char const* const style_sheet = R"css(
:root{--paper:#fcfbf8;--card:#fff;--ink:#1d1c1a;--soft:#67635c;--rule:#e5e1d8;--grid:#ece8e0;
--own:#c8511b;--own-wash:#f9ddcd;--budget:#20639b;--budget-wash:#d3e4f3;--toward:#3d7a5c;--toward-wash:#e6f1ea;--mute:#aea99f;--over:#7fb0da;
--p0:#8a857c;--p1:#c8511b;--p2:#3d7a5c;--p3:#20639b;--p4:#7d4e9e;--p5:#9a7400}
@media(prefers-color-scheme:dark){:root{--paper:#141516;--card:#1b1d1f;--ink:#e9e6df;--soft:#a19c93;--rule:#303235;
--grid:#26282b;--own:#f08a52;--own-wash:#57301c;--budget:#6caee6;--budget-wash:#1d3f5e;--toward:#82c4a1;--toward-wash:#1f3a2d;--mute:#6d6a65;--over:#2f648f;
--p0:#97928a;--p1:#f08a52;--p2:#82c4a1;--p3:#6caee6;--p4:#c39be0;--p5:#d9b44a}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.6 "Helvetica Neue",Helvetica,Arial,"Liberation Sans",sans-serif}
main{max-width:1080px;margin:0 auto;padding:72px 32px 96px}
.defs{position:absolute}
h1,h2,.lede,.story{font-family:Charter,"Iowan Old Style",P052,"Palatino Linotype",Palatino,Georgia,serif}
h1{font-size:52px;line-height:1.08;letter-spacing:-.015em;font-weight:400;margin:0 0 24px}
h2{font-size:30px;line-height:1.2;font-weight:400;letter-spacing:-.005em;margin:0 0 8px}
h3{font-size:13px;font-weight:600;margin:32px 0 12px;color:var(--soft)}
p{margin:0 0 16px}
a{color:inherit}
sub{font-size:.7em;line-height:0}
.brand{font-weight:700;letter-spacing:.01em;color:var(--soft);margin-bottom:40px}
.lede{font-size:22px;line-height:1.5;max-width:38em;margin-bottom:20px}
.aside,.lead{color:var(--soft);max-width:46em}
.aside{font-size:15px}
.terms{display:grid;grid-template-columns:repeat(4,1fr);gap:32px;margin:48px 0 0;padding:28px 0 0;border-top:1px solid var(--rule)}
.terms dt{font-weight:600;margin-bottom:6px}
.terms dd{margin:0;font-size:14.5px;line-height:1.55;color:var(--soft)}
section,footer{margin-top:88px}
.lead{margin-bottom:28px}
section>p:not(.lead):not(.key){max-width:46em;margin-top:16px}
.key{font-size:13.5px;color:var(--soft);margin:18px 0 0}
.item{display:inline-block;white-space:nowrap;margin-right:18px}
.swatch{display:inline-block;width:14px;height:11px;margin-right:6px;vertical-align:-1px}
.swatch.outline{height:0;border-top:1.5px solid var(--ink);vertical-align:4px}
.own{background:var(--own);fill:var(--own)}
.budget{fill:url(#hatch)}
i.budget{background:repeating-linear-gradient(135deg,var(--budget) 0 2px,var(--budget-wash) 2px 4px)}
.swatch.over{background:var(--over)}.swatch.room{background:var(--grid)}
.hatch-ground{fill:var(--budget-wash)}.hatch-line{stroke:var(--budget);stroke-width:4.2}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th{font-weight:400;text-align:right;vertical-align:bottom}
th[scope=row],th:first-child{text-align:left}
td{text-align:right}
th small{color:var(--soft);font-size:12px}
.overview{table-layout:fixed}
.overview th:first-child{width:34%}
.overview thead th{font-weight:600;padding:6px 0 2px 24px}
.overview thead th:first-child{padding-left:0;font-weight:400;color:var(--soft)}
.overview .sub th,.overview .sub td{color:var(--soft);font-size:13.5px;padding:0 0 12px 24px}
.overview .sub th{padding-left:0}
.overview tbody tr{border-top:1px solid var(--rule)}
.overview tbody th{padding:9px 0;vertical-align:middle}
.overview tbody th small{display:inline-block;margin-left:10px}
.overview td{padding:9px 0 9px 24px}
.overview td.none{color:var(--mute)}
.bar{display:flex;height:6px;background:var(--grid);margin-top:2px}
.bar i{display:block;height:6px}
.panels{display:grid;grid-template-columns:repeat(4,1fr);gap:28px 32px}
.panel{margin:0;min-width:0}
.panel figcaption{display:flex;justify-content:space-between;gap:8px;font-size:14px;margin-bottom:6px;white-space:nowrap}
.panel b{font-weight:600;font-variant-numeric:tabular-nums}
.frame{position:relative;padding-top:15px}
.frame svg{display:block;width:100%;height:auto}
.top{position:absolute;left:0;top:0;font-size:11px;line-height:13px;color:var(--soft)}
.ends{display:flex;justify-content:space-between;font-size:11px;color:var(--soft);margin-top:3px}
.grid{stroke:var(--grid);stroke-width:1;fill:none;vector-effect:non-scaling-stroke}
.base{stroke:var(--mute);stroke-width:1;fill:none;vector-effect:non-scaling-stroke}
.outline{stroke:var(--ink);stroke-width:1.2;fill:none;vector-effect:non-scaling-stroke;stroke-linejoin:round}
)css"
                                R"css(
.plot{margin:0 0 36px}
.ytitle{font-size:13.5px;color:var(--soft);margin:0 0 12px 52px}.ytitle br+.item,.ytitle br~.item{margin-top:4px}
.xtitle{font-size:12px;color:var(--soft);margin:26px 0 0 52px}
.plot+.key{margin:-12px 0 36px 52px;max-width:52em}
.area{position:relative;height:280px;margin:0 78px 0 52px}
.area svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible}
.area path{vector-effect:non-scaling-stroke;fill:none}
.xt,.yt,.note{position:absolute;font-size:12px;line-height:1;color:var(--soft);white-space:nowrap;font-variant-numeric:tabular-nums}
.xt{top:100%;transform:translate(-50%,8px)}
.yt{right:100%;transform:translate(-10px,-50%)}
.area .drift{stroke:var(--ink);stroke-width:2;stroke-linejoin:round}
.area .allowed{stroke:var(--budget);stroke-width:2;stroke-dasharray:6 4}
.area .limit{stroke:var(--ink);stroke-width:1.5;stroke-linejoin:round}
.area .room{fill:var(--grid)}.area .over{fill:var(--over)}
.area .hole{stroke:var(--mute);stroke-width:1;stroke-dasharray:2 3}
.area .stem{stroke-width:1.5}
.area .stem.kept{stroke:var(--mute)}.area .stem.toward{stroke:var(--toward);stroke-opacity:.65}
.area .stem.own{stroke:var(--own)}.area .stem.budget{stroke:var(--budget)}
.area .dot{stroke-width:7;stroke-linecap:round}
.area .dot.own{stroke:var(--own)}
.area .dot.budget{stroke:var(--budget);stroke-width:4.5;stroke-linecap:square}
.note.end{padding-left:8px;color:var(--ink);font-weight:600}.note.end.budget-ink{color:var(--budget)}
.note.up{transform:translateY(-80%)}.note.below{transform:translateY(-10%)}
.note.hole-label{transform:translate(5px,-14px);font-size:11px}.note.hole-label.left{transform:translate(calc(-100% - 5px),-14px)}
.note.clipped{transform:translate(6px,-140%)}
.stroke{display:inline-block;width:20px;height:0;border-top:2px solid var(--ink);vertical-align:4px;margin-right:6px}
.stroke.allowed{border-top:2px dashed var(--budget)}
.area .curve{stroke-width:2;stroke-linejoin:round}.area .band{fill-opacity:.13}
.area .curve.p0{stroke:var(--p0);stroke-dasharray:2 3}.area .curve.p1{stroke:var(--p1)}.area .curve.p2{stroke:var(--p2);stroke-dasharray:9 4}
.area .curve.p3{stroke:var(--p3);stroke-width:2.8}.area .curve.p4{stroke:var(--p4);stroke-dasharray:9 3 2 3}.area .curve.p5{stroke:var(--p5);stroke-dasharray:5 3}
.area .band.p0{fill:var(--p0)}.area .band.p1{fill:var(--p1)}.area .band.p2{fill:var(--p2)}.area .band.p3{fill:var(--p3)}.area .band.p4{fill:var(--p4)}.area .band.p5{fill:var(--p5)}
.stroke.p0{border-top:2px dotted var(--p0)}.stroke.p1{border-color:var(--p1)}.stroke.p2{border-top:2px dashed var(--p2)}.stroke.p3{border-top:3px solid var(--p3)}.stroke.p4{border-top:2px dashed var(--p4)}.stroke.p5{border-top:2px dashed var(--p5)}
.tales{display:grid;grid-template-columns:1fr 1fr;gap:20px 24px}
.tale{margin:0;min-width:0;background:var(--card);border:1px solid var(--rule);padding:18px 22px}
.tale figcaption{font-size:13.5px;color:var(--soft);margin-bottom:8px}.tale figcaption b{color:var(--ink);font-weight:600;margin-right:8px}
.tale blockquote{margin:0;font:15.5px/1.6 Charter,"Iowan Old Style",P052,"Palatino Linotype",Palatino,Georgia,serif;overflow-wrap:anywhere}
.mark{display:inline-block;width:8px;height:8px;margin-right:6px;vertical-align:0}
.mark.own{border-radius:50%}.mark.budget{width:7px;height:7px;background:var(--budget)}.mark.toward{width:2px;height:11px;background:var(--toward);vertical-align:-2px}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:8px 24px;padding:0;margin:8px 0 20px;font-size:14px}
.legend b{font-weight:600;font-variant-numeric:tabular-nums;margin-left:4px}
.story{background:var(--card);border:1px solid var(--rule);padding:32px 36px;font-size:19px;line-height:1.85}
.prompt{color:var(--soft);font-style:italic}
.tok{white-space:pre-wrap;padding:1px 0;-webkit-box-decoration-break:clone;box-decoration-break:clone}
.tok.toward{background:none;text-decoration:underline dotted var(--toward) 1.5px;text-underline-offset:5px}
.tok.own{background:var(--own-wash);box-shadow:inset 0 -2.5px 0 var(--own)}
.tok.budget{background:var(--budget-wash);box-shadow:inset 0 -1px 0 var(--budget),inset 0 -3px 0 var(--budget-wash),inset 0 -4px 0 var(--budget)}
.tok.outside{color:var(--soft);text-decoration:line-through}
.nl{text-decoration:none;color:var(--mute);font:11px Arial,"Liberation Sans",sans-serif}
.full{font-size:14px;min-width:860px}
.full th,.full td{padding:8px 0 8px 20px;white-space:nowrap}
.full th:first-child{padding-left:0;position:sticky;left:0;background:var(--paper)}
.full thead th{font-size:12.5px;line-height:1.35;color:var(--soft);padding-bottom:10px}
.full .group th{font-weight:600;padding-top:22px}
.full tbody tr{border-top:1px solid var(--rule)}
.full th small{margin-left:8px}.full thead small{margin:0}
details{border-top:1px solid var(--rule)}
details:last-of-type{border-bottom:1px solid var(--rule)}
summary{cursor:pointer;padding:14px 0;font-weight:600}
summary small{font-weight:400;color:var(--soft);margin-left:12px;font-size:13.5px}
details[open]{padding-bottom:20px}
footer{border-top:1px solid var(--rule);padding-top:40px}
footer h2{font-size:22px}
footer ul{padding-left:18px;max-width:50em;color:var(--soft);font-size:14.5px}
footer li{margin-bottom:8px}
footer .brand{margin:32px 0 0}
@media(max-width:900px){.terms{grid-template-columns:1fr 1fr}.panels{grid-template-columns:repeat(2,1fr);gap:24px 20px}}
@media(max-width:560px){main{padding:36px 20px 56px}h1{font-size:36px}.lede{font-size:18.5px}h2{font-size:25px}
.terms{grid-template-columns:1fr;gap:18px;margin-top:28px}section,footer{margin-top:60px}.brand{margin-bottom:24px}
.overview{font-size:13px}.overview th:first-child{width:36%}.overview thead th,.overview td,.overview .sub td{padding-left:9px}
.overview tbody th small{display:block;margin:0;font-size:11px;line-height:1.3}.overview .sub td,.overview .sub th{font-size:11.5px}
.panels{gap:22px 16px}.panel figcaption{font-size:12.5px}
.area{height:220px;margin:0 8px 0 38px}.ytitle,.xtitle,.plot+.key{margin-left:0}.note.end,.note.hole-label{display:none}
.tales{grid-template-columns:1fr}.story{padding:20px;font-size:17px;line-height:1.8;margin:0 -8px}
.full th small{display:block;margin:0}}
@media print{main{padding:0}details{break-inside:avoid}}
)css";

}  // namespace demo
