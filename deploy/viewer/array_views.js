// Twinsight: views of arrays without compiling code, which the page's policy forbids.
function compileConstructor(dtype, dimension) {
  const isGeneric = dtype === "generic";
  if (dimension < 0) {
    class Nothing {
      constructor(data) {
        this.data = data;
        this.shape = this.stride = this.order = [];
      }
      index() {
        return -1;
      }
      lo() {
        return new Nothing(this.data);
      }
      get() {}
      set() {}
      pick() {
        return null;
      }
    }
    Nothing.prototype.hi = Nothing.prototype.transpose = Nothing.prototype.lo;
    Nothing.prototype.step = Nothing.prototype.lo;
    Object.assign(Nothing.prototype, { dtype, size: 0, dimension: -1 });
    return (data) => new Nothing(data);
  }
  const axes = Array.from({ length: dimension }, (_, axis) => axis);
  const isGiven = (value) => typeof value === "number" && value >= 0;
  class View {
    constructor(data, shape, stride, offset) {
      this.data = data;
      this.shape = axes.map((axis) => shape[axis]);
      this.stride = axes.map((axis) => stride[axis]);
      this.offset = offset | 0;
    }
    get size() {
      return this.shape.reduce((product, length) => product * length, 1);
    }
    get order() {
      return order.call(this);
    }
    index(...at) {
      return axes.reduce((sum, axis) => sum + this.stride[axis] * at[axis], this.offset);
    }
    get(...at) {
      const index = this.index(...at);
      return isGeneric ? this.data.get(index) : this.data[index];
    }
    set(...at) {
      const value = at[dimension];
      const index = this.index(...at);
      return isGeneric ? this.data.set(index, value) : (this.data[index] = value);
    }
    hi(...at) {
      const shape = axes.map((axis) => (isGiven(at[axis]) ? at[axis] | 0 : this.shape[axis]));
      return new View(this.data, shape, this.stride, this.offset);
    }
    lo(...at) {
      const from = axes.map((axis) => (isGiven(at[axis]) ? at[axis] | 0 : 0));
      const shape = axes.map((axis) => this.shape[axis] - from[axis]);
      return new View(this.data, shape, this.stride, this.index(...from));
    }
    step(...at) {
      const steps = axes.map((axis) => (typeof at[axis] === "number" ? at[axis] | 0 : 1));
      const first = axes.map((axis) => (steps[axis] < 0 ? this.shape[axis] - 1 : 0));
      const shape = axes.map((axis) => Math.ceil(this.shape[axis] / Math.abs(steps[axis])));
      const stride = axes.map((axis) => this.stride[axis] * steps[axis]);
      return new View(this.data, shape, stride, this.index(...first));
    }
    transpose(...at) {
      const from = axes.map((axis) => (at[axis] === undefined ? axis : at[axis] | 0));
      const shape = from.map((axis) => this.shape[axis]);
      const stride = from.map((axis) => this.stride[axis]);
      return new View(this.data, shape, stride, this.offset);
    }
    pick(...at) {
      const left = axes.filter((axis) => !isGiven(at[axis]));
      const offset = this.index(...axes.map((axis) => (isGiven(at[axis]) ? at[axis] : 0)));
      const shape = left.map((axis) => this.shape[axis]);
      const stride = left.map((axis) => this.stride[axis]);
      return CACHED_CONSTRUCTORS[dtype][left.length + 1](this.data, shape, stride, offset | 0);
    }
  }
  Object.assign(View.prototype, { dtype, dimension });
  if (dimension === 0) View.prototype.valueOf = View.prototype.get;
  return (data, shape, stride, offset) => new View(data, shape, stride, offset);
}
