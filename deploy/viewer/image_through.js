  // Twinsight: the image of the stack whose plane the first point lies on; null where none is near.
  const imageThrough = (data) => {
    const distances = imageIds.map((id) => {
      const plane = core_dist_esm.metaData.get("imagePlaneModule", id);
      if (!plane?.imagePositionPatient || !plane.rowCosines || !plane.columnCosines) {
        return [id, Infinity, 0];
      }
      const [r, c] = [plane.rowCosines, plane.columnCosines];
      const normal = [r[1] * c[2] - r[2] * c[1], r[2] * c[0] - r[0] * c[2], r[0] * c[1] - r[1] * c[0]];
      const offset = [0, 1, 2].map((axis) => Number(data[axis]) - plane.imagePositionPatient[axis]);
      const distance = normal.reduce((sum, along, axis) => sum + along * offset[axis], 0);
      return [id, Math.abs(distance), plane.sliceThickness ?? 0];
    });
    distances.sort((one, other) => one[1] - other[1]);
    const nearest = distances[0];
    return nearest && nearest[1] <= Math.max(1, nearest[2]) / 2 + 0.01 ? nearest[0] : null;
  };
