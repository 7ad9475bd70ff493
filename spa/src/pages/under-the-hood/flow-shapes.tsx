// SVG shapes of the flow diagram: labelled boxes and numbered arrows.

interface BoxProps {
  readonly at: readonly [x: number, y: number, width: number, height: number];
  readonly name: string;
  readonly note?: string;
  readonly kind?: "plain" | "browser" | "gateway";
}

export function Box({ at: [x, y, width, height], name, note, kind = "plain" }: BoxProps) {
  const middle = y + height / 2;
  return (
    <g>
      <rect className={`flow-box flow-box-${kind}`} x={x} y={y} width={width} height={height} rx="6" />
      <text
        className="flow-name"
        x={x + width / 2}
        y={note === undefined ? middle + 5 : middle - 4}
        textAnchor="middle"
      >
        {name}
      </text>
      {note !== undefined && (
        <text className="flow-note" x={x + width / 2} y={middle + 17} textAnchor="middle">
          {note}
        </text>
      )}
    </g>
  );
}

interface ArrowProps {
  readonly from: readonly [x: number, y: number];
  readonly to: readonly [x: number, y: number];
  readonly step: string;
  readonly label: string;
  /** Start of the label. Default: beside a vertical arrow, above a horizontal one. */
  readonly labelAt?: readonly [x: number, y: number];
}

const headPx = 8;

export function Arrow({ from: [x1, y1], to: [x2, y2], step, label, labelAt }: ArrowProps) {
  const isVertical = x1 === x2;
  const [labelX, labelY] = labelAt ?? (isVertical ? [x1 + 8, (y1 + y2) / 2 + 5] : [(x1 + x2) / 2, y1 - 9]);
  return (
    <g>
      <path className="flow-line" d={`M${x1} ${y1}L${x2} ${y2}`} />
      <path className="flow-head" d={headPath([x1, y1], [x2, y2])} />
      <text className="flow-label" x={labelX} y={labelY} textAnchor={isVertical ? "start" : "middle"}>
        <tspan className="flow-step">{step}</tspan> {label}
      </text>
    </g>
  );
}

function headPath([x1, y1]: ArrowProps["from"], [x2, y2]: ArrowProps["to"]): string {
  const [dx, dy] = [Math.sign(x2 - x1) * headPx, Math.sign(y2 - y1) * headPx];
  const [sideX, sideY] = [dy * 0.6, dx * 0.6];
  return `M${x2} ${y2}L${x2 - dx + sideX} ${y2 - dy + sideY}L${x2 - dx - sideX} ${y2 - dy - sideY}z`;
}
